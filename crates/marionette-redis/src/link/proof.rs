//! What a server is asked behind a change, so that it says when it keeps it.
//!
//! The question goes on the connection of the change: the server answers it for what this
//! connection has written, and a connection that is lost takes both with it.

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, Value};

use crate::codec::byte_pairs;
use crate::durability::Durability;
use crate::error::{Cure, cure, told};
use crate::scripts::Call;

use super::failure::Failure;
use super::info::Info;
use super::way::Way;

/// How long the server may take for one answer, in milliseconds: less than an answer may take.
const WAIT: u64 = 4_000;

/// How often it is asked.
const WAITS: usize = 2;

/// What the server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// Whether the change is on its disk, and on those of so many replicas.
    Disks(usize),
    /// How many replicas have the change.
    Replicas(usize),
    /// Whether it writes to its disk before it answers. What it has answered is there then.
    Always,
}

/// Why a change does not count.
#[derive(Debug)]
pub(super) enum Shortage {
    /// Not yet, in words; *it* is the server.
    Late(String),
    /// Not with this server as it is.
    Never(String),
    /// The connection is dead, or its server serves nobody.
    Lost(RedisError),
}

impl Proof {
    /// What this server can be asked; nothing if its answer is enough.
    pub(super) fn new(durability: Durability, info: &Info<'_>) -> Option<Self> {
        match durability {
            Durability::Server => None,
            Durability::Synced if info.knows_waitaof() => Some(Self::Disks(0)),
            Durability::Synced => Some(Self::Always),
            Durability::Replicated(count) if info.knows_waitaof() && info.has_file() => {
                Some(Self::Disks(count))
            }
            Durability::Replicated(count) => Some(Self::Replicas(count)),
        }
    }

    /// The question.
    pub(super) fn command(self) -> Cmd {
        let mut command;
        match self {
            Self::Disks(replicas) => {
                command = redis::cmd("WAITAOF");
                command.arg(1).arg(replicas).arg(WAIT);
            }
            Self::Replicas(count) => {
                command = redis::cmd("WAIT");
                command.arg(count).arg(WAIT);
            }
            Self::Always => {
                command = redis::cmd("CONFIG");
                command.arg("GET").arg("appendonly").arg("appendfsync");
                command.arg("no-appendfsync-on-rewrite");
            }
        }
        command
    }

    /// What the answer means.
    pub(super) fn judge(self, answer: Value) -> Result<(), Shortage> {
        match (self, answer) {
            (_, Value::ServerError(error)) => Err(self.refused(error.into())),
            (Self::Disks(wanted), Value::Array(have)) => match have[..] {
                [Value::Int(0), _] => Err(Shortage::Late(UNWRITTEN.to_owned())),
                [Value::Int(_), Value::Int(have)] => enough(have, wanted, " on their disks"),
                _ => Err(strange()),
            },
            (Self::Replicas(wanted), Value::Int(have)) => enough(have, wanted, ""),
            (Self::Always, settings) => always(settings),
            _ => Err(strange()),
        }
    }

    fn refused(self, error: RedisError) -> Shortage {
        if cure(&error) == Cure::Connect {
            return Shortage::Lost(error);
        }
        let told = told(&error);
        let name = match self {
            Self::Disks(_) => "waitaof",
            Self::Replicas(_) => "wait",
            Self::Always => "config|get",
        };
        Shortage::Never(if told.contains("appendonly is disabled") {
            NO_FILE.to_owned()
        } else if told.contains("unknown command") {
            let name = name.to_uppercase();
            format!("it does not know the command {name}, as version 7.2 and newer do")
        } else if error.code() == Some("NOPERM") {
            format!("its user lacks the right +{name}")
        } else {
            format!("it says {told}")
        })
    }
}

const UNWRITTEN: &str = "it has not written all to its disk (with appendfsync no it never says so)";
const NO_FILE: &str = "it keeps no append-only file (set appendonly to yes)";

fn enough(have: i64, wanted: usize, where_to: &str) -> Result<(), Shortage> {
    let have = usize::try_from(have).unwrap_or(0);
    if have >= wanted {
        return Ok(());
    }
    let replicas = if wanted == 1 {
        "replica has"
    } else {
        "replicas have"
    };
    let what = format!("{have} of {wanted} {replicas} all that it has{where_to}");
    Err(Shortage::Late(what))
}

fn always(settings: Value) -> Result<(), Shortage> {
    let settings = byte_pairs(settings).map_err(|_| strange())?;
    let is = |name: &str, value: &str| {
        let mut all = settings.iter();
        all.any(|(one, other)| one == name.as_bytes() && other == value.as_bytes())
    };
    if !is("appendonly", "yes") {
        return Err(Shortage::Never(NO_FILE.to_owned()));
    }
    if is("no-appendfsync-on-rewrite", "yes") {
        let what = "it does not write to its disk while it rewrites its file (set \
                    no-appendfsync-on-rewrite to no)";
        return Err(Shortage::Never(what.to_owned()));
    }
    if !is("appendfsync", "always") {
        let what = "it is older than version 7.2, so it does not say when something is on its \
                    disk (set appendfsync to always)";
        return Err(Shortage::Never(what.to_owned()));
    }
    Ok(())
}

fn strange() -> Shortage {
    Shortage::Never("it does not answer as a Redis server does".to_owned())
}

/// Calls a script, and asks until what it wrote counts, or this takes too long.
pub(super) async fn call_and_prove(
    way: &Way,
    to: &mut MultiplexedConnection,
    call: &Call,
    has_to_load: bool,
) -> Result<(Value, Result<(), Shortage>), RedisError> {
    let mut all = if has_to_load {
        way.scripts.load_and_call(call)
    } else {
        let mut all = redis::pipe();
        all.add_command(call.command().clone());
        all
    };
    let proof = way.findings.proof();
    if let Some(proof) = proof {
        all.add_command(proof.command());
    }
    let mut answers = to.send_packed_commands(&all, 0, all.len()).await?;
    let proved = if proof.is_some() { answers.pop() } else { None };
    let mut answer = Value::Nil;
    for one in answers {
        answer = one.extract_error()?;
    }
    let kept = match proof.zip(proved) {
        Some((proof, proved)) => prove(proof, proved, to).await,
        None => Ok(()),
    };
    Ok((answer, kept))
}

/// Asks again while it is only late.
async fn prove(proof: Proof, first: Value, to: &mut MultiplexedConnection) -> Result<(), Shortage> {
    let mut judged = proof.judge(first);
    for _ in 1..WAITS {
        if let Err(Shortage::Late(_)) = judged {
            judged = answered(proof, proof.command().query_async(to).await);
        }
    }
    judged
}

fn answered(proof: Proof, answer: Result<Value, RedisError>) -> Result<(), Shortage> {
    match answer {
        Ok(answer) => proof.judge(answer),
        Err(error) => Err(proof.refused(error)),
    }
}

/// Whether a server can keep what the settings ask for, before it is used for the first time.
/// Later a call says so: the others go on.
pub(super) async fn try_out(way: &Way, to: &mut MultiplexedConnection) -> Result<(), Failure> {
    let Some(proof) = way.findings.proof() else {
        return Ok(());
    };
    if way.findings.is_kept() {
        return Ok(());
    }
    let wrong = |why| {
        let (server, durability) = (&way.address, way.settings.durability);
        format!("{server} does not keep jobs as Durability::{durability:?} asks: {why}")
    };
    match answered(proof, proof.command().query_async(to).await) {
        Ok(()) => {
            way.findings.keeps();
            Ok(())
        }
        // Replicas may only just come.
        Err(Shortage::Late(why)) => Err(Failure::passing(wrong(why))),
        Err(Shortage::Never(why)) => Err(Failure::refused(wrong(why))),
        Err(Shortage::Lost(error)) => Err(Failure::of(&way.address, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(proof: Proof, answer: &str) -> String {
        let answer = redis::parse_redis_value(answer.as_bytes()).unwrap();
        match proof.judge(answer) {
            Ok(()) => String::new(),
            Err(Shortage::Late(why)) => format!("late: {why}"),
            Err(Shortage::Never(why)) => format!("never: {why}"),
            Err(Shortage::Lost(error)) => format!("lost: {error}"),
        }
    }

    #[test]
    fn disks_and_replicas_are_counted() {
        let one = Proof::Disks(1);
        assert_eq!(judged(one, "*2\r\n:1\r\n:1\r\n"), "");
        assert_eq!(judged(Proof::Disks(0), "*2\r\n:1\r\n:0\r\n"), "");
        assert!(judged(one, "*2\r\n:0\r\n:1\r\n").starts_with("late: it has not written"));
        assert!(judged(one, "*2\r\n:1\r\n:0\r\n").starts_with("late: 0 of 1 replica has"));
        assert_eq!(judged(Proof::Replicas(2), ":3\r\n"), "");
        assert!(judged(Proof::Replicas(2), ":1\r\n").starts_with("late: 1 of 2 replicas have"));
        assert!(judged(Proof::Replicas(2), "+OK\r\n").starts_with("never"));
        assert!(judged(one, "-UNBLOCKED because\r\n").starts_with("lost"));
    }

    #[test]
    fn an_older_server_keeps_what_its_settings_say() {
        let settings = |only: &str, sync: &str, rewrite: &str| {
            let all = [
                ("appendonly", only),
                ("appendfsync", sync),
                ("no-appendfsync-on-rewrite", rewrite),
            ];
            let words = all.iter().flat_map(|(name, value)| [*name, *value]);
            let words = words.map(|word| format!("${}\r\n{word}\r\n", word.len()));
            judged(
                Proof::Always,
                &format!("*6\r\n{}", words.collect::<String>()),
            )
        };
        assert_eq!(settings("yes", "always", "no"), "");
        assert!(settings("no", "always", "no").contains("appendonly"));
        assert!(settings("yes", "everysec", "no").contains("appendfsync to always"));
        assert!(settings("yes", "always", "yes").contains("no-appendfsync-on-rewrite to no"));
    }
}
