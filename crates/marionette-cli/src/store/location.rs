//! The place of a store, as people write it: `sqlite:PATH`. Forms of other programs, such as
//! `sqlite://x.db`, mean the same here or are refused; they are never taken for the name of a file.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use crate::console::text::safe;

/// The variable that names the store if no option does.
const VARIABLE: &str = "MARIONETTE_STORE";

/// The file of the store: the one that the option names, else the variable, else the usual one.
pub(crate) fn path(option: Option<&OsStr>) -> Result<PathBuf> {
    if let Some(text) = option {
        return named("--store", text);
    }
    if let Some(text) = env::var_os(VARIABLE) {
        if text.is_empty() {
            bail!("{VARIABLE} is empty; unset it, or write it like `sqlite:tasks.db`");
        }
        return named(VARIABLE, &text);
    }
    let state = folder("XDG_STATE_HOME")
        .or_else(|| Some(folder("HOME")?.join(".local/state")))
        .context("neither XDG_STATE_HOME nor HOME is set; name a store with --store")?;
    Ok(state.join("marionette/tasks.db"))
}

/// The path of a text from this option or variable.
fn named(place: &str, text: &OsStr) -> Result<PathBuf> {
    let read = match text.to_str() {
        Some(text) => read(text, folder("HOME").as_deref()),
        None => Err("it is not UTF-8".to_owned()),
    };
    read.map_err(|what| anyhow!("{place} \"{}\": {what}", safe(&text.to_string_lossy())))
}

/// A folder that the environment names; a relative one does not count, as the XDG rules say.
fn folder(variable: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os(variable)?);
    path.is_absolute().then_some(path)
}

fn read(text: &str, home: Option<&Path>) -> Result<PathBuf, String> {
    let rest = match text.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sqlite") => rest,
        Some(("file", _)) => {
            return Err(
                "`file:` is SQLite's own way to name a file; write `sqlite:PATH`".to_owned(),
            );
        }
        Some((scheme, _)) if !scheme.contains(['/', '.', '~']) && !scheme.is_empty() => {
            return Err(format!(
                "there is no kind of store `{}`; write `sqlite:PATH`",
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
        return Ok(file.into());
    };
    match (below.strip_prefix('/'), home) {
        (Some(below), Some(home)) => Ok(home.join(below.trim_start_matches('/'))),
        (Some(_), None) => Err("`~` is your home, and HOME is not set".to_owned()),
        (None, _) => Err(format!(
            "`~` is known as your home alone, with `/` behind it; a file of that name is \
             `sqlite:./{}`",
            safe(file)
        )),
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

    fn of(text: &str) -> Result<PathBuf, String> {
        read(text, Some(Path::new("/home/ada")))
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
            assert_eq!(of(text), Ok(path.into()), "{text}");
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
            ("redis://localhost", "there is no kind of store `redis`"),
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
