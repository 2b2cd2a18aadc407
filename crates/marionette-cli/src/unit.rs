//! `marionette unit`: prints a unit for systemd.

use std::env;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::args::Unit;
use crate::command::GRACE_MAX;
use crate::common::Common;
use crate::console;
use crate::console::text;
use crate::console::time::show_duration;
use crate::files::{self, Whose};
use crate::instance::manager::CLEARING_UP;
use crate::store::{self, Location, Purpose};

pub(crate) fn unit(common: &Common, args: &Unit) -> Result<u8> {
    let program = env::current_exe().context("cannot find this program")?;
    if !program.is_file() {
        bail!(
            "{} is not there any more; call the one that is to be used",
            text::path(&program)
        );
    }
    let (store, folder, whose) = match store::location(common)? {
        Location::File(path) => {
            let path = std::path::absolute(path)?;
            // The unit would run whatever another user puts into the store.
            let whose = store::check_owner(common, &path, Purpose::Change)?;
            let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
            (Some(format!("sqlite:{}", text(&path)?)), folder, whose)
        }
        // Everybody can read a unit, so a password is in a file that it names.
        Location::Redis(address) if address.has_password() => (None, store::state()?, Whose::Ours),
        Location::Redis(address) => {
            let whose = if common.trust_owner {
                Whose::Anybodys
            } else {
                Whose::Ours
            };
            (Some(plain(address.in_clear())?), store::state()?, whose)
        }
    };
    let words = command(&program, store.as_deref(), &trusts(common, whose), args)?;
    let unit = page(&words, store.is_none(), &folder, args)?;
    let _ = console::print(unit.trim_end_matches('\n'));
    Ok(0)
}

/// Where a unit finds the address of a store with a password.
const STORE_OF_USER: &str = "\
# A file with MARIONETTE_STORE=redis://…, which only you may read (mode 0600).
EnvironmentFile=%h/.config/marionette.env
";
const STORE_OF_SYSTEM: &str = "\
# A file with MARIONETTE_STORE=redis://…, which only root may read (mode 0600).
EnvironmentFile=/etc/marionette.env
";

/// The options that say whom the unit trusts.
fn trusts(common: &Common, whose: Whose) -> Vec<String> {
    let owner = (whose == Whose::Anybodys).then_some("--trust-owner");
    let additions = common.trust_additions.then_some("--trust-additions");
    let trusts = owner.into_iter().chain(additions);
    trusts.map(str::to_owned).collect()
}

/// The line that starts `marionette work`.
fn command(program: &Path, store: Option<&str>, trusts: &[String], args: &Unit) -> Result<String> {
    let mut words = vec![text(program)?];
    if let Some(store) = store {
        words.extend(["--store".to_owned(), store.to_owned()]);
    }
    words.extend([
        "work".to_owned(),
        "--stop-within".to_owned(),
        show_duration(args.stop_within).replace(' ', ""),
    ]);
    words.extend_from_slice(trusts);
    if let Some(jobs) = args.jobs {
        words.extend(["--jobs".to_owned(), jobs.to_string()]);
    }
    for queue in &args.queue {
        words.extend(["--queue".to_owned(), queue.into()]);
    }
    // Before the program, `:` makes every dollar an ordinary character; doubling dollars instead
    // would need different rules for the program and its arguments.
    let plain = if words.iter().any(|word| word.contains('$')) {
        ":"
    } else {
        ""
    };
    let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
    Ok(format!("{plain}{}", words.join(" ")))
}

fn text(path: &Path) -> Result<String> {
    let text = path
        .to_str()
        .with_context(|| format!("{} is not UTF-8; systemd needs that", text::path(path)))?;
    plain(text)
}

/// A text without characters that no terminal shows.
fn plain(text: &str) -> Result<String> {
    if text.contains(text::is_obeyed) {
        bail!("{text:?} has a character that no terminal shows, which a unit must not have");
    }
    Ok(text.to_owned())
}

/// A word as systemd reads it back.
fn quoted(word: &str) -> String {
    let word = word.replace('%', "%%");
    let is_plain = |char: char| char.is_alphanumeric() || "-_./:=,@%+$".contains(char);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word;
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The whole unit.
fn page(command: &str, has_file: bool, folder: &Path, args: &Unit) -> Result<String> {
    // By then all commands have been asked to end, with the longest grace that a command can have.
    let patience = args.stop_within + GRACE_MAX + CLEARING_UP + Duration::from_secs(30);
    let patience = patience.as_secs();
    let folder = quoted(&text(folder)?);
    let store = match (has_file, args.user) {
        (false, _) => "",
        (true, true) => STORE_OF_USER,
        (true, false) => STORE_OF_SYSTEM,
    };
    let (user, target) = if args.user {
        (String::new(), "default.target")
    } else {
        (format!("User={}\n", this_user()), "multi-user.target")
    };
    let mut unit = String::new();
    if args.user {
        unit.push_str("# ~/.config/systemd/user/marionette.service\n");
    } else {
        unit.push_str("# /etc/systemd/system/marionette.service\n");
    }
    write!(
        unit,
        "\
[Unit]
Description=Runs the tasks of Marionette

[Service]
Type=exec
{user}{store}ExecStart={command}

# A stop asks the worker alone. It lets commands finish, then ends them and gives them back. What is
# killed after this time is not lost either; it counts as a crash.
KillMode=mixed
TimeoutStopSec={patience}

# It ends with 0 when it was told to stop, and otherwise only when something is wrong.
Restart=on-failure
RestartSec=5s

# A command that takes too much memory fails, and the others go on.
OOMPolicy=continue

# Commands find their programs here; nothing of your own environment is taken over.
#Environment=PATH=%h/bin:/usr/local/bin:/usr/bin:/bin

# Commands may do what their user may do, `sudo` and mounts included. Marionette itself needs none
# of that, so turn on what yours can do with:
#LimitCORE=0
#NoNewPrivileges=yes
#PrivateTmp=yes
#ProtectSystem=strict
#ReadWritePaths={folder}
#ProtectKernelTunables=yes
#ProtectKernelModules=yes
#ProtectControlGroups=yes
#RestrictSUIDSGID=yes
#LockPersonality=yes

[Install]
WantedBy={target}
"
    )
    .expect("a string takes all that is written");
    Ok(unit)
}

/// The user of this process, by name if that is known.
fn this_user() -> String {
    let id = rustix::process::getuid().as_raw();
    files::user_name(id).unwrap_or_else(|| id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_would_expand_or_split_is_written_so_that_it_does_not() {
        assert_eq!(quoted("/usr/bin/marionette"), "/usr/bin/marionette");
        assert_eq!(quoted("/50%/a b"), "\"/50%%/a b\"");
        assert_eq!(quoted("a\"b\\c"), "\"a\\\"b\\\\c\"");
        assert_eq!(quoted(""), "\"\"");
    }
}
