//! Checks the dependencies for known vulnerabilities, with the current advisory database or, where
//! that cannot be fetched, with the one that the repository keeps. Each lock file of the repository
//! is checked, but for those of the competitors: what they depend on is not ours to choose.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};

use crate::shell;
use crate::step::Outcome;

/// The folder of the archives, each named after its day.
const KEPT: &str = "xtask/advisories";
/// The folder of the competitors that have lock files of their own.
const CONTENDERS: &str = "crates/marionette-bench/contenders";
/// The end of an archive's name.
const ENDING: &str = ".tar.gz";
/// How long fetching the current database may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// What `cargo deny` calls its copy of the database.
const COPY: &str = "advisory-db-3157b0e258782691";
/// The report warns when the kept database is older.
const OLD_DAYS: i64 = 90;

pub(crate) fn run() -> Result<Outcome> {
    let folder = shell::target().join("advisories");
    let current = folder.join("current");
    let config = configure(&folder, &current)?;
    let mut fetch = deny(&config, "Cargo.toml", &["fetch", "db"]);
    if shell::output_within(fetch.env("GIT_TERMINAL_PROMPT", "0"), PATIENCE).is_ok() {
        println!("the advisory database is that of today");
        return check(&config);
    }
    let (archive, day) = newest()?;
    println!("{}", warning(&day, today())?);
    let kept = folder.join("kept");
    unpack(&archive, &kept)?;
    check(&configure(&folder, &kept)?)
}

/// The rules of the repository, with this place for the database.
fn configure(folder: &Path, databases: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let rules = fs::read_to_string(shell::root().join("deny.toml"))?;
    let config = folder.join("deny.toml");
    fs::write(&config, with_place(&rules, databases)?)?;
    Ok(config)
}

fn with_place(rules: &str, databases: &Path) -> Result<String> {
    let section = "[advisories]\n";
    ensure!(rules.contains(section), "deny.toml has no [advisories]");
    let place = format!("{section}db-path = {:?}\n", databases.display().to_string());
    Ok(rules.replacen(section, &place, 1))
}

fn deny(config: &Path, manifest: &str, words: &[&str]) -> std::process::Command {
    let mut command = shell::program("cargo-deny");
    command
        .args(["--log-level", "error", "--config"])
        .arg(config)
        .args(["--manifest-path", manifest])
        .args(words);
    command
}

/// Checks without the network: the database is there, and the index that cargo has fetched for its
/// own use tells of withdrawn crates. The packages of a lock file that nothing was built with yet
/// are fetched first.
fn check(config: &Path) -> Result<Outcome> {
    let words = ["--locked", "--offline", "check", "advisories"];
    for manifest in manifests()? {
        println!("{manifest}");
        let fetch = format!("fetch --quiet --locked --manifest-path {manifest}");
        shell::run(&mut shell::cargo(&fetch))?;
        shell::run(&mut deny(config, &manifest, &words))?;
    }
    Ok(Outcome::Passed)
}

/// The manifest beside each lock file that is committed, apart from those of the competitors.
fn manifests() -> Result<Vec<String>> {
    let mut git = shell::program("git");
    let listed = shell::output(git.args(["ls-files", "Cargo.lock", "**/Cargo.lock"]))?;
    let ours = listed.lines().filter(|lock| !lock.starts_with(CONTENDERS));
    let manifest = |lock: &str| Some(format!("{}.toml", lock.strip_suffix(".lock")?));
    Ok(ours.filter_map(manifest).collect())
}

/// The newest archive, and its day.
fn newest() -> Result<(PathBuf, String)> {
    let day = |entry: fs::DirEntry| {
        let name = entry.file_name();
        Some(name.to_str()?.strip_suffix(ENDING)?.to_owned())
    };
    let entries = fs::read_dir(shell::root().join(KEPT))?.collect::<Result<Vec<_>, _>>()?;
    let day = entries.into_iter().filter_map(day).max();
    let day = day.with_context(|| format!("there is no archive in {KEPT}"))?;
    let archive = shell::root().join(KEPT).join(format!("{day}{ENDING}"));
    Ok((archive, day))
}

/// Unpacks the archive where `cargo deny` looks for its database, as the git repository that it
/// expects there.
fn unpack(archive: &Path, databases: &Path) -> Result<()> {
    fs::remove_dir_all(databases).ok();
    let copy = databases.join(COPY);
    fs::create_dir_all(&copy)?;
    let mut tar = shell::program("tar");
    tar.arg("-xzf").arg(archive).arg("-C").arg(&copy);
    shell::output(tar.arg("--strip-components=1"))?;
    let git = |words: &[&str]| {
        let mut command = shell::program("git");
        shell::output(command.arg("-C").arg(&copy).args(words))
    };
    git(&["init", "--quiet"])?;
    git(&["add", "--all"])?;
    git(&[
        "-c",
        "user.name=xtask",
        "-c",
        "user.email=xtask@localhost",
        "-c",
        "commit.gpgsign=false",
        "commit",
        "--quiet",
        "--no-verify",
        "--message",
        "the kept database",
    ])?;
    Ok(())
}

/// The warning for a check against the kept database.
fn warning(day: &str, today: i64) -> Result<String> {
    let age = today - days(day).with_context(|| format!("{day} is no day"))?;
    let old = if age > OLD_DAYS {
        format!("; THAT IS OLD: renew it as {KEPT}/README.md says")
    } else {
        String::new()
    };
    Ok(format!(
        "WARNING: the current advisory database cannot be fetched; the kept one of {day} knows \
         nothing of the last {age} days{old}"
    ))
}

/// The days from 1970 to a day like `2026-08-21`.
fn days(day: &str) -> Option<i64> {
    let mut parts = day.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    // Years begin in March here, so that a leap day is the last day of its year.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    Some(year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the rule protects the library's tests, not tools"
)]
fn today() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seconds = since.unwrap_or_default().as_secs();
    i64::try_from(seconds / (24 * 60 * 60)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (day, expected) in [
            ("1970-01-01", 0),
            ("1970-03-01", 59),
            ("2000-02-29", 11_016),
            ("2026-08-21", 20_686),
        ] {
            assert_eq!(days(day), Some(expected), "{day}");
        }
        assert_eq!(days("yesterday"), None);
    }

    #[test]
    fn an_old_database_is_said_to_be_old() {
        let day = days("2026-08-21").unwrap();
        let said = warning("2026-08-21", day + 3).unwrap();
        assert!(
            said.contains("the last 3 days") && !said.contains("OLD"),
            "{said}"
        );
        assert!(
            warning("2026-08-21", day + 100)
                .unwrap()
                .contains("THAT IS OLD")
        );
    }

    #[test]
    fn the_rules_stay_and_get_a_place() {
        let rules = "[advisories]\nyanked = \"deny\"\n[bans]\n";
        let placed = with_place(rules, Path::new("/a b")).unwrap();
        assert_eq!(
            placed,
            "[advisories]\ndb-path = \"/a b\"\nyanked = \"deny\"\n[bans]\n"
        );
        assert!(with_place("[bans]\n", Path::new("/a")).is_err());
    }

    #[test]
    fn every_lock_file_of_ours_is_checked() {
        let manifests = manifests().unwrap();
        for expected in ["Cargo.toml", "fuzz/Cargo.toml", "xtask/oldest/Cargo.toml"] {
            assert!(
                manifests.iter().any(|manifest| manifest == expected),
                "{manifests:?}"
            );
        }
        assert!(
            manifests
                .iter()
                .all(|manifest| shell::root().join(manifest).is_file())
        );
        assert!(
            !manifests
                .iter()
                .any(|manifest| manifest.contains("contenders"))
        );
        assert!(shell::root().join(CONTENDERS).is_dir());
    }

    #[test]
    fn an_archive_is_kept() {
        let (archive, day) = newest().unwrap();
        assert!(archive.is_file() && days(&day).is_some());
    }
}
