//! What a server says in trouble: as errors of a store, and as what can be done about it.

use marionette::store::StoreError;
use redis::{ErrorKind, RedisError};

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cure {
    /// Nothing: it is the answer.
    None,
    /// Another connection: this one is dead, or its server serves no jobs at the moment.
    Connect,
    /// Load the script of the call again.
    Load,
    /// Make the store again: the server lost its data.
    Open,
    /// Ask which right is missing.
    Rights,
    /// Wait a moment.
    Wait,
}

/// What to do about this error of a call. Every call may be sent again.
pub(crate) fn cure(error: &RedisError) -> Cure {
    let Some(code) = error.code() else {
        return match error.kind() {
            ErrorKind::AuthenticationFailed => Cure::None,
            _ => Cure::Connect,
        };
    };
    match code {
        "READONLY" | "MASTERDOWN" | "LOADING" | "CLUSTERDOWN" | "UNBLOCKED" | "NOAUTH"
        | "MOVED" => Cure::Connect,
        "NOSCRIPT" => Cure::Load,
        "EMPTY" => Cure::Open,
        "BUSY" | "TRYAGAIN" | "ASK" => Cure::Wait,
        "ERR" if is_forbidden(&told(error)) => Cure::Rights,
        _ => Cure::None,
    }
}

/// Whether a script was stopped because the user may not do what it does: in the words of Redis
/// 7.0, and in those of the servers after it.
fn is_forbidden(told: &str) -> bool {
    told.contains("can't run this command") || told.contains("ACL failure in script")
}

/// Whether the server will answer otherwise in a moment without anybody doing something.
pub(crate) fn is_passing(error: &RedisError) -> bool {
    let passing = ["LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN"];
    error.code().is_some_and(|code| passing.contains(&code))
}

/// The error of a call.
pub(crate) fn store_error(error: RedisError) -> StoreError {
    let Some(code) = error.code() else {
        return StoreError::unavailable("the server cannot be asked").with_source(error);
    };
    let what = told(&error);
    match code {
        "OOM" => StoreError::full(format!("the memory of the server is full: {what}"))
            .with_source(std::io::Error::from(std::io::ErrorKind::OutOfMemory)),
        "FULL" => StoreError::full(format!("the store is full: {what}")),
        "NOPERM" => StoreError::refused(format!("a right is missing: {what}")),
        "LAYOUT" => StoreError::refused(format!(
            "the store has another layout than this library knows: {what}"
        )),
        "WRONGTYPE" => StoreError::broken(format!("the keys of the store are not ours: {what}")),
        _ => StoreError::unavailable(format!("the server answered: {what}")),
    }
}

/// What the server said, or what happened to the connection, in one line.
pub(crate) fn told(error: &RedisError) -> String {
    let Some(code) = error.code() else {
        return error.to_string();
    };
    let said = match error.detail() {
        Some(detail) => format!("{code} {detail}"),
        None => code.to_owned(),
    };
    // Behind this the server repeats what it was sent: with `HELLO` that is a password.
    match said.split_once(", with args beginning with") {
        Some((said, _)) => said.to_owned(),
        None => said,
    }
}

/// An answer that no script of ours gives.
pub(crate) fn strange(what: &str) -> StoreError {
    StoreError::broken(format!("the server answered something else than {what}"))
}

#[cfg(test)]
mod tests {
    use marionette::store::StoreErrorKind;
    use redis::{ServerErrorKind, Value};

    use super::*;

    fn answer(text: &str) -> RedisError {
        let value = redis::parse_redis_value(format!("-{text}\r\n").as_bytes()).unwrap();
        match value {
            Value::ServerError(error) => error.into(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_trouble_of_a_server_has_its_cure() {
        let cut = RedisError::from(std::io::Error::other("reset"));
        assert_eq!(cure(&cut), Cure::Connect);
        let cures = [
            (
                "READONLY You can't write against a read only replica.",
                Cure::Connect,
            ),
            ("MASTERDOWN Link with MASTER is down", Cure::Connect),
            (
                "LOADING Redis is loading the dataset in memory",
                Cure::Connect,
            ),
            ("CLUSTERDOWN Hash slot not served", Cure::Connect),
            (
                "UNBLOCKED force unblock (master -> replica?)",
                Cure::Connect,
            ),
            ("NOAUTH Authentication required.", Cure::Connect),
            ("MOVED 3999 127.0.0.1:6381", Cure::Connect),
            ("NOSCRIPT No matching script.", Cure::Load),
            ("EMPTY there is no store", Cure::Open),
            ("BUSY Redis is busy running a script.", Cure::Wait),
            (
                "ERR The user executing the script can't run this command",
                Cure::Rights,
            ),
            (
                "ERR ACL failure in script: User ada has no permissions to run the 'zadd' command",
                Cure::Rights,
            ),
            ("OOM command not allowed", Cure::None),
            ("ERR something", Cure::None),
        ];
        for (text, expected) in cures {
            assert_eq!(cure(&answer(text)), expected, "{text}");
        }
    }

    #[test]
    fn each_trouble_of_a_server_is_an_error_of_its_kind() {
        let kinds = [
            ("OOM command not allowed", StoreErrorKind::Full),
            ("FULL there are too many kinds", StoreErrorKind::Full),
            (
                "MISCONF Errors writing to the AOF file",
                StoreErrorKind::Unavailable,
            ),
            (
                "NOREPLICAS Not enough good replicas",
                StoreErrorKind::Unavailable,
            ),
            (
                "NOPERM this user has no permissions to run 'evalsha'",
                StoreErrorKind::Refused,
            ),
            ("LAYOUT 2", StoreErrorKind::Refused),
            ("WRONGTYPE Operation against a key", StoreErrorKind::Broken),
            ("ERR something", StoreErrorKind::Unavailable),
        ];
        for (text, kind) in kinds {
            let error = store_error(answer(text));
            assert_eq!(error.kind(), kind, "{text}");
            assert!(error.to_string().contains(text), "{error}");
        }
        assert_eq!(answer("NOPERM x").kind(), ServerErrorKind::NoPerm.into());
    }

    #[test]
    fn what_the_server_repeats_of_a_command_is_not_shown() {
        let text =
            "ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'a' 'hunter2'";
        assert_eq!(told(&answer(text)), "ERR unknown command 'HELLO'");
        let shown = store_error(answer(text));
        assert!(!format!("{shown:?} {}", shown.chain()).contains("hunter2"));
    }
}
