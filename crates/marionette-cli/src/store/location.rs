//! The place of a store, as people write it: `sqlite:PATH`, or the address of a Redis. Forms of
//! other programs, such as `sqlite://x.db`, mean the same here or are refused; they are never taken
//! for the name of a file.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use crate::console::text::safe;

/// The variable that names the store if no option does.
const VARIABLE: &str = "MARIONETTE_STORE";

/// The kinds of stores on a server, by the schemes of their addresses.
const REDIS: [&str; 10] = [
    "redis",
    "rediss",
    "redis+unix",
    "redis+sentinel",
    "rediss+sentinel",
    "valkey",
    "valkeys",
    "valkey+unix",
    "valkey+sentinel",
    "valkeys+sentinel",
];
/// What may be shown of what stands behind the `?` of an address; other parameters may be a
/// password.
const PARAMETERS: [&str; 3] = ["db", "name", "durability"];
const KINDS: &str = "`sqlite:PATH` or `redis://HOST`";

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// The file of a store in SQLite.
    File(PathBuf),
    /// The address of a server.
    Redis(Address),
}

/// The address of a server, which may have a password in it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address(String);

impl Address {
    /// The whole address, with its password.
    pub(crate) fn in_clear(&self) -> &str {
        &self.0
    }

    /// Whether the address has a password.
    pub(crate) fn has_password(&self) -> bool {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        rest[..end].contains('@')
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = match self.0.split_once("://") {
            Some((scheme, rest)) => (format!("{scheme}://"), rest),
            None => (String::new(), self.0.as_str()),
        };
        // A socket may have an @ in its path; elsewhere it is of a password that is not escaped.
        let is_socket = scheme.contains("unix") && rest.starts_with('/');
        let is_path = scheme.is_empty() && !rest.contains(':');
        let shown = match rest.rsplit_once('@') {
            Some((credentials, behind)) if !is_socket && !is_path => {
                let user = credentials.split_once(':').map_or("", |(user, _)| user);
                format!("{scheme}{user}:***@{}", without_secrets(behind))
            }
            _ => format!("{scheme}{}", without_secrets(rest)),
        };
        f.write_str(&safe(&shown))
    }
}

/// The end of an address, where parameters that there are not have no values.
fn without_secrets(text: &str) -> String {
    let Some((place, parameters)) = text.split_once('?') else {
        return text.to_owned();
    };
    let shown = |pair: &str| match pair.split_once('=') {
        Some((key, _)) if PARAMETERS.contains(&key) => pair.to_owned(),
        Some((key, _)) => format!("{key}=***"),
        None => "***".to_owned(),
    };
    let shown: Vec<_> = parameters.split('&').map(shown).collect();
    format!("{place}?{}", shown.join("&"))
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// The store: the one that the option names, else the variable, else the usual file.
pub(crate) fn of(option: Option<&OsStr>) -> Result<Location> {
    if let Some(text) = option {
        return named("--store", text);
    }
    if let Some(text) = env::var_os(VARIABLE) {
        if text.is_empty() {
            bail!("{VARIABLE} is empty; unset it, or write it like `sqlite:tasks.db`");
        }
        return named(VARIABLE, &text);
    }
    let state = state().context("no store is named with --store")?;
    Ok(Location::File(state.join("tasks.db")))
}

/// The folder of this user for what this program keeps.
pub(crate) fn state() -> Result<PathBuf> {
    let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")));
    let state = state.context("neither XDG_STATE_HOME nor HOME is set")?;
    Ok(state.join("marionette"))
}

/// The place in a text from this option or variable.
fn named(place: &str, text: &OsStr) -> Result<Location> {
    let read = match text.to_str() {
        Some(text) => read(text, folder("HOME").as_deref()),
        None => Err("it is not UTF-8".to_owned()),
    };
    read.map_err(|what| {
        // It may have been meant as an address with a password.
        let shown = Address(text.to_string_lossy().into_owned());
        anyhow!("{place} \"{shown}\": {what}")
    })
}

/// A folder that the environment names; a relative one does not count, as the XDG rules say.
fn folder(variable: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os(variable)?);
    path.is_absolute().then_some(path)
}

fn read(text: &str, home: Option<&Path>) -> Result<Location, String> {
    let is_redis = |scheme: &str| REDIS.iter().any(|it| scheme.eq_ignore_ascii_case(it));
    let rest = match text.split_once(':') {
        Some((scheme, rest)) if is_redis(scheme) => return address(text, scheme, rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sqlite") => rest,
        Some(("file", _)) => {
            return Err(
                "`file:` is SQLite's own way to name a file; write `sqlite:PATH`".to_owned(),
            );
        }
        Some((scheme, _)) if !scheme.contains(['/', '.', '~']) && !scheme.is_empty() => {
            return Err(format!(
                "there is no kind of store `{}`; write {KINDS}",
                safe(scheme)
            ));
        }
        _ if text.is_empty() => {
            return Err("it is empty; write it like `sqlite:tasks.db`".to_owned());
        }
        _ => {
            return Err(format!(
                "a store is named with its kind; write `sqlite:{}`",
                safe(text)
            ));
        }
    };
    let file = rest.strip_prefix("//").unwrap_or(rest);
    refuse(file)?;
    let Some(below) = file.strip_prefix('~') else {
        return Ok(Location::File(file.into()));
    };
    match (below.strip_prefix('/'), home) {
        (Some(below), Some(home)) => {
            let below = below.trim_start_matches('/');
            Ok(Location::File(home.join(below)))
        }
        (Some(_), None) => Err("`~` is your home, and HOME is not set".to_owned()),
        (None, _) => Err(format!(
            "`~` is known as your home alone, with `/` behind it; a file of that name is \
             `sqlite:./{}`",
            safe(file)
        )),
    }
}

/// The address of a Redis, which the store reads in full when it connects.
fn address(text: &str, scheme: &str, rest: &str) -> Result<Location, String> {
    match rest.strip_prefix("//") {
        Some("") => Err(format!(
            "no server is named; write it like `{scheme}://HOST:6379`"
        )),
        Some(_) => Ok(Location::Redis(Address(text.to_owned()))),
        None => Err(format!("write it like `{scheme}://HOST:6379`")),
    }
}

/// Refuses a text that is no name of a file, whatever a system would make of it.
fn refuse(file: &str) -> Result<(), String> {
    let what = if file.is_empty() {
        "no file is named; write it like `sqlite:tasks.db`"
    } else if file.starts_with(":memory") {
        "a store in memory would be gone when this command ends; name a file"
    } else if file.starts_with("file:") {
        "`file:` is SQLite's own way to name a file; write the path alone"
    } else if file.contains('?') {
        "there are no options behind a `?`; a store is always read and written, and made by what \
         adds tasks; write the path alone"
    } else if has_escapes(file) {
        "`%` with two digits is how addresses write what is special in them; write the path as it \
         is"
    } else if file.starts_with('$') {
        "variables are not looked up here; write the path itself"
    } else if ["-wal", "-shm", "-journal"]
        .iter()
        .any(|end| file.ends_with(end))
    {
        "SQLite calls what it keeps beside a store like that; name the store itself"
    } else if file.starts_with(['"', '\'']) {
        "the path begins with a quotation mark, which is part of it here; write it without"
    } else if file.trim() != file {
        "the path begins or ends with a blank"
    } else if file.ends_with('/') || Path::new(file).file_name().is_none() {
        "that is a folder; name a file in it"
    } else {
        return Ok(());
    };
    Err(what.to_owned())
}

fn has_escapes(file: &str) -> bool {
    file.as_bytes()
        .windows(3)
        .any(|bytes| bytes[0] == b'%' && bytes[1..].iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Location, String> {
        read(text, Some(Path::new("/home/ada")))
    }

    #[test]
    fn the_address_of_a_server_is_kept_whole_and_shown_without_its_password() {
        for (text, shown) in [
            ("redis://localhost", "redis://localhost"),
            ("Redis://:hush@h:1/2", "Redis://:***@h:1/2"),
            (
                "rediss://ada:hu@sh@h/0?name=a",
                "rediss://ada:***@h/0?name=a",
            ),
            (
                "redis+unix:///run/redis.sock",
                "redis+unix:///run/redis.sock",
            ),
            (
                "redis+sentinel://:hush@a:1,b:2/main",
                "redis+sentinel://:***@a:1,b:2/main",
            ),
            ("valkey://:hush@h?db=1", "valkey://:***@h?db=1"),
        ] {
            let Ok(Location::Redis(address)) = of(text) else {
                panic!("{text} is the address of a Redis");
            };
            assert_eq!(address.in_clear(), text);
            assert_eq!(address.to_string(), shown);
            assert!(!format!("{address:?}").contains("hush"), "{address:?}");
            assert_eq!(address.has_password(), text != shown);
        }
        for text in [
            "redsi://:hush@h",
            "redsi://:hu/sh-hush@h",
            "redsi://h?password=hush",
            "redsi://h?hush",
            "redsi:hush@h",
        ] {
            let error = named("--store", OsStr::new(text)).unwrap_err();
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }

    #[test]
    fn a_store_is_named_as_in_the_neighbourhood() {
        for (text, path) in [
            ("sqlite:a/b.db", "a/b.db"),
            ("sqlite:/a/b.db", "/a/b.db"),
            ("SQLite:b.db", "b.db"),
            ("sqlite://b.db", "b.db"),
            ("sqlite://a/b.db", "a/b.db"),
            ("sqlite://./b.db", "./b.db"),
            ("sqlite:///a/b.db", "/a/b.db"),
            ("sqlite:~/b.db", "/home/ada/b.db"),
            ("sqlite://~/b.db", "/home/ada/b.db"),
            ("sqlite:~//b.db", "/home/ada/b.db"),
            ("sqlite:./~b", "./~b"),
            ("sqlite:b~", "b~"),
            ("sqlite:100%.db", "100%.db"),
            ("sqlite:C:b.db", "C:b.db"),
            ("sqlite:Jobs & tasks.db", "Jobs & tasks.db"),
        ] {
            assert_eq!(of(text), Ok(Location::File(path.into())), "{text}");
        }
    }

    #[test]
    fn what_is_no_name_of_a_file_is_refused_with_the_reason() {
        for (text, expected) in [
            ("", "it is empty"),
            ("tasks.db", "write `sqlite:tasks.db`"),
            ("./a:b.db", "write `sqlite:./a:b.db`"),
            ("~/a:b", "write `sqlite:~/a:b`"),
            ("mysql:db", "there is no kind of store `mysql`"),
            ("redis:localhost", "write it like `redis://HOST:6379`"),
            ("rediss://", "no server is named"),
            ("file:x.db?mode=rwc", "SQLite's own way"),
            ("sqlite:", "no file is named"),
            ("sqlite://", "no file is named"),
            ("sqlite::memory:", "a store in memory"),
            ("sqlite://:memory:?cache=shared", "a store in memory"),
            ("sqlite:file:x.db?mode=rwc", "SQLite's own way"),
            ("sqlite::memory", "a store in memory"),
            ("sqlite:a/tasks.db-wal", "name the store itself"),
            ("sqlite:tasks.db-shm", "name the store itself"),
            ("sqlite:tasks.db-journal", "name the store itself"),
            ("sqlite:\"x.db\"", "write it without"),
            ("sqlite://'x.db'", "write it without"),
            ("sqlite:q.db?mode=ro", "there are no options behind a `?`"),
            ("sqlite:my%20jobs.db", "write the path as it is"),
            ("sqlite:$HOME/x.db", "variables are not looked up"),
            ("sqlite: x.db", "begins or ends with a blank"),
            ("sqlite:x.db\n", "begins or ends with a blank"),
            ("sqlite:~", "`sqlite:./~`"),
            ("sqlite:~bob/x.db", "`sqlite:./~bob/x.db`"),
            ("sqlite:a/", "that is a folder"),
            ("sqlite:..", "that is a folder"),
            ("sqlite:///", "that is a folder"),
        ] {
            let error = of(text).expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
        let homeless = read("sqlite:~/x.db", None).unwrap_err();
        assert_eq!(homeless, "`~` is your home, and HOME is not set");
    }
}
