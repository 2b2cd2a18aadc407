//! What a server is asked before it is used: whether it can have a store.

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisError, ServerError, Value};

use crate::address::{Endpoint, Host};
use crate::error::{is_passing, told};

use super::failure::Failure;
use super::info::Info;
use super::proof::Proof;
use super::way::Way;

/// Looks at the server of a new connection, and tells it the scripts. Returns the commands that the
/// user may not give.
pub(super) async fn greet(
    way: &Way,
    to: &mut MultiplexedConnection,
) -> Result<Vec<String>, Failure> {
    let mut all = redis::pipe();
    if way.address.database != 0 {
        all.cmd("SELECT").arg(way.address.database);
    }
    all.cmd("CLIENT").arg("SETNAME").arg("marionette");
    all.cmd("ROLE");
    all.cmd("INFO");
    way.scripts.load(&mut all);
    let answers = to.send_packed_commands(&all, 0, all.len()).await;
    let answers = answers.map_err(|error| Failure::of(&way.address, error))?;
    let mut answers = answers.into_iter();
    let mut next = || answers.next().unwrap_or(Value::Nil);
    let selected = (way.address.database != 0).then(&mut next);
    let (_named, role, info) = (next(), next(), next());
    let loaded: Vec<_> = answers.collect();

    let mut missing = Vec::new();
    let is_cluster = look_at_info(way, info)?;
    if let Some(Value::ServerError(error)) = selected {
        not_selected(way, error, &mut missing)?;
    }
    look_at_role(way, role, is_cluster, &mut missing)?;
    note_scripts(way, loaded, &mut missing)?;
    Ok(missing)
}

/// Whether a server knows the older protocol alone: it does not know `HELLO`, or does not let us
/// say it.
pub(super) fn knows_no_hello(way: &Way, error: &RedisError) -> bool {
    match error.code() {
        Some("NOPROTO") => true,
        // `HELLO` has the password with it: whoever asks for it has not understood.
        Some("NOAUTH") => way.address.login.is_some(),
        Some("NOPERM" | "ERR") => {
            let told = told(error).to_ascii_lowercase();
            told.contains("hello") || told.contains("unknown command") || told.contains("protocol")
        }
        _ => error.kind() == ErrorKind::RESP3NotSupported,
    }
}

/// What is wrong if a server does not even agree on the protocol. No text shows the password.
pub(super) fn refusal(way: &Way, error: &RedisError) -> Failure {
    let server = &way.address;
    let said = match &way.address.login {
        Some(login) => login.hide(&told(error)),
        None => told(error),
    };
    match error.code() {
        Some("WRONGPASS") => Failure::of_credentials(match &way.address.login {
            Some(login) if login.user.is_some() => {
                format!("{server} refuses the user or the password of the address")
            }
            _ => format!("{server} refuses the password of the address"),
        }),
        Some("NOAUTH") => Failure::of_credentials(format!(
            "{server} asks for a password and the address has none: write :password@ or \
             user:password@ in front of the host"
        )),
        Some("DENIED" | "NOPERM") => Failure::refused(format!("{server} refuses us: {said}")),
        Some(_) if is_passing(error) => Failure::passing(format!("{server} is not ready: {said}")),
        Some(_) => Failure::unavailable(format!("{server} refuses us: {said}")),
        None => Failure::unavailable(format!(
            "{server} does not answer as a Redis server does: {said}"
        )),
    }
}

/// Returns whether the server is a node of a cluster.
fn look_at_info(way: &Way, answer: Value) -> Result<bool, Failure> {
    let text = match answer {
        Value::VerbatimString { text, .. } => text,
        Value::BulkString(text) => String::from_utf8_lossy(&text).into_owned(),
        Value::ServerError(error) if error.code() == "NOAUTH" => {
            return Err(refusal(way, &error.into()));
        }
        Value::ServerError(error) if error.code() != "NOPERM" && error.code() != "ERR" => {
            return Err(Failure::of(&way.address, error.into()));
        }
        _ => {
            note_proof(way, &Info::new(""));
            way.findings.trouble_is(Some(format!(
                "{} does not tell its settings (INFO): whether it deletes jobs when its memory is \
                 full is not known",
                way.address
            )));
            return Ok(false);
        }
    };
    let info = Info::new(&text);
    note_proof(way, &info);
    if let Some(wrong) = info.unfit() {
        return Err(Failure::refused(format!("{} {wrong}", way.address)));
    }
    let evicts = info
        .evicts()
        .map(|evicts| format!("{} {evicts}", way.address));
    match evicts {
        // Later it is better to go on and say so: after a failover all would stand still.
        Some(evicts) if way.findings.is_first() => Err(Failure::refused(evicts)),
        evicts => {
            way.findings.trouble_is(evicts);
            Ok(info.is_cluster())
        }
    }
}

fn note_proof(way: &Way, info: &Info<'_>) {
    let proof = Proof::new(way.settings.durability, info);
    way.findings.proof_is(proof);
}

fn not_selected(way: &Way, error: ServerError, missing: &mut Vec<String>) -> Result<(), Failure> {
    let database = way.address.database;
    match error.code() {
        "NOPERM" => missing.push("select".to_owned()),
        "ERR" => {
            return Err(Failure::refused(format!(
                "{} has no database {database}: {}",
                way.address,
                told(&error.into())
            )));
        }
        _ => return Err(Failure::of(&way.address, error.into())),
    }
    Ok(())
}

fn look_at_role(
    way: &Way,
    answer: Value,
    is_cluster: bool,
    missing: &mut Vec<String>,
) -> Result<(), Failure> {
    let mut words = match answer {
        Value::Array(words) => words.into_iter(),
        Value::ServerError(error) if error.code() == "NOPERM" => {
            missing.push("role".to_owned());
            return Ok(());
        }
        Value::ServerError(error) => return Err(Failure::of(&way.address, error.into())),
        _ => Vec::new().into_iter(),
    };
    let mut word = || match words.next() {
        Some(Value::BulkString(word)) => String::from_utf8_lossy(&word).into_owned(),
        Some(Value::Int(number)) => number.to_string(),
        _ => String::new(),
    };
    let server = &way.address;
    match word().as_str() {
        "master" => Ok(()),
        "slave" => {
            let (name, port) = (word(), word());
            let what = format!("{server} is a replica; its master is {name}:{port}");
            // Sentinels may be a little behind; another address is as somebody wrote it.
            let mut failure = match way.address.endpoint {
                Endpoint::Sentinels { .. } => Failure::passing(what),
                _ => Failure::refused(what),
            };
            // Nodes change their roles by themselves.
            if is_cluster && let Ok(port) = port.parse() {
                failure.moved = Some(Host { name, port });
            }
            Err(failure)
        }
        "sentinel" => Err(Failure::refused(format!(
            "{server} is a sentinel: write redis+sentinel://host:port/master"
        ))),
        _ => Err(Failure::refused(format!("{server} does not tell its role"))),
    }
}

fn note_scripts(way: &Way, loaded: Vec<Value>, missing: &mut Vec<String>) -> Result<(), Failure> {
    let mut hashes = Vec::with_capacity(loaded.len());
    for answer in loaded {
        match answer {
            Value::BulkString(hash) => hashes.push(String::from_utf8_lossy(&hash).into_owned()),
            Value::ServerError(error) if error.code() == "NOPERM" => {
                missing.push("script|load".to_owned());
                return Ok(());
            }
            Value::ServerError(error) => return Err(Failure::of(&way.address, error.into())),
            _ => {
                let what = format!("{} does not answer as a Redis server does", way.address);
                return Err(Failure::refused(what));
            }
        }
    }
    way.scripts.loaded(hashes);
    Ok(())
}
