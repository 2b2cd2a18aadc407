//! Makes the store if there is none, and checks rights and layout.

use marionette::store::StoreError;
use redis::aio::MultiplexedConnection;

use crate::address::{Endpoint, Host};
use crate::codec::{bytes, int, list, text};
use crate::error::{strange, told};
use crate::layout::{Key, VERSION};
use crate::scripts::Script;

use super::failure::Failure;
use super::load_and_call;
use super::way::Way;

/// A right for each command that scripts and calls need, as the server is asked for it: `@` stands
/// for each key, `$` for a channel.
const RIGHTS: [&str; 36] = [
    "HGET @ f",
    "HSET @ f v",
    "HSETNX @ f v",
    "HDEL @ f",
    "HLEN @",
    "HMGET @ f",
    "HGETALL @",
    "HEXISTS @ f",
    "HINCRBY @ f 1",
    "HKEYS @",
    "HSCAN @ 0",
    "HRANDFIELD @ 1",
    "ZADD @ 0 m",
    "ZREM @ m",
    "ZCARD @",
    "ZSCORE @ m",
    "ZMSCORE @ m",
    "ZRANGE @ 0 1",
    "ZRANGEBYSCORE @ 0 1",
    "ZRANGEBYLEX @ - +",
    "ZREVRANGEBYLEX @ + -",
    "ZREMRANGEBYLEX @ - +",
    "ZLEXCOUNT @ - +",
    "RPUSH @ e",
    "LPOP @ 1",
    "LLEN @",
    "LPOS @ e",
    "LRANGE @ 0 1",
    "SADD @ m",
    "SREM @ m",
    "SCARD @",
    "SISMEMBER @ m",
    "SMISMEMBER @ m",
    "TIME",
    "SPUBLISH $ m",
    "SSUBSCRIBE $",
];

/// Makes the store if there is none. `missing` are the commands that are known to be forbidden.
pub(super) async fn open(
    way: &Way,
    to: &mut MultiplexedConnection,
    mut missing: Vec<String>,
) -> Result<(), Failure> {
    if missing.iter().any(|right| right == "script|load") {
        return Err(forbidden(way, &missing));
    }
    let mut call = way.scripts.call(Script::Open, &[]);
    call.arg(VERSION);
    call.arg(format!("{:032x}", fastrand::u128(..)));
    let channel = format!("{}x", way.scripts.layout().channel());
    for right in RIGHTS {
        call.arg(right.replace('$', &channel));
    }
    let answer = match load_and_call(way, to, &call).await {
        Ok(answer) => answer,
        Err(error) => match error.code() {
            Some("NOPERM") => {
                let about_keys = told(&error).contains("access");
                missing.push(if about_keys { "the keys" } else { "evalsha" }.to_owned());
                return Err(forbidden(way, &missing));
            }
            Some("WRONGTYPE") => return Err(foreign_names(way)),
            Some("MOVED") => return Err(moved(way, &told(&error))),
            _ => return Err(Failure::of(&way.address, error)),
        },
    };
    let mut answer = list(answer)?.into_iter();
    let mut next = || answer.next().ok_or_else(|| strange("four values"));
    let (version, data, _stamp, _made) = (bytes(next()?)?, bytes(next()?)?, next()?, int(next()?)?);
    for right in answer {
        missing.push(text(right)?);
    }
    if !missing.is_empty() {
        return Err(forbidden(way, &missing));
    }
    if version != VERSION.as_bytes() {
        let version = String::from_utf8_lossy(&version);
        return Err(Failure::refused(format!(
            "the store {} on {} has layout {version}, and this library knows layout {VERSION}",
            way.settings.name, way.address
        )));
    }
    way.findings.data_is(data);
    Ok(())
}

fn forbidden(way: &Way, missing: &[String]) -> Failure {
    let user = way.address.login.as_ref();
    let user = user.and_then(|login| login.user.as_deref());
    let tag = way.scripts.layout().tag();
    Failure::refused(format!(
        "the user {} of {} lacks rights, for keys and channels that begin with {tag}: {}",
        user.unwrap_or("default"),
        way.address,
        missing.join(", ")
    ))
}

/// The first key that is looked at is none of ours.
fn foreign_names(way: &Way) -> Failure {
    let names = way.scripts.layout().key(Key::Names);
    let what = format!(
        "the key `{names}` on {} is no hash, as that of a store is: somebody has replaced it, or \
         it belongs to another program",
        way.address
    );
    StoreError::broken(what).into()
}

/// The node of a cluster that has the store: behind `MOVED` stand the slot and the address, which
/// may lack a host: then it is the one that was asked.
fn moved(way: &Way, told: &str) -> Failure {
    let to = told.rsplit(' ').next().and_then(|to| to.rsplit_once(':'));
    let host = to.and_then(|(name, port)| {
        let name = match (name, &way.address.endpoint) {
            ("", Endpoint::Server(host)) => host.name.clone(),
            (name, _) => name.to_owned(),
        };
        let port = port.parse().ok()?;
        Some(Host { name, port })
    });
    let mut failure = Failure::passing(format!("{} says {told}", way.address));
    failure.moved = host;
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands() -> impl Iterator<Item = &'static str> {
        RIGHTS.iter().filter_map(|right| right.split(' ').next())
    }

    #[test]
    fn each_command_of_a_script_is_among_the_rights() {
        let is_word = |word: &&str| {
            let is_capital = |letter: char| letter.is_ascii_uppercase();
            word.len() > 2 && word.chars().all(is_capital)
        };
        let others = ["LIMIT", "WITHSCORES", "WITHVALUES"];
        for script in Script::ALL {
            let text = script.text();
            let words = text.split('\'').filter(is_word);
            for word in words.filter(|word| !others.contains(word)) {
                assert!(commands().any(|it| it == word), "{script:?}: {word}");
            }
        }
    }

    #[test]
    fn the_documentation_has_each_right() {
        let text = include_str!("../store.rs");
        for command in commands().map(str::to_ascii_lowercase) {
            let right = format!("+{command}");
            let mut words = text.split_whitespace();
            assert!(words.any(|word| word == right), "{right}");
        }
    }
}
