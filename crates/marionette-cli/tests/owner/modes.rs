//! Every file of ours is for its owner alone, whatever the umask, and also after a kill.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{entries, signal, until};
use crate::town::{ADA, Town, ended};

/// Whatever somebody else could read, write or enter.
fn open_to_others(path: &Path, found: &mut Vec<String>) {
    let metadata = fs::symlink_metadata(path).unwrap();
    if metadata.mode() & 0o077 != 0 {
        found.push(format!("{} {:o}", path.display(), metadata.mode()));
    }
    if metadata.is_dir() {
        for entry in entries(path) {
            open_to_others(&entry, found);
        }
    }
}

/// The program under this umask.
fn under(town: &Town, umask: &str, arguments: &[&str]) -> Command {
    let program = town.command(ADA, arguments);
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask $0; exec \"$@\"", umask]);
    shell.arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    shell
        .env("MARIONETTE_STORE", town.store_name("ada/state/t.db"))
        .current_dir(town.path(""))
        .uid(ADA)
        .gid(ADA)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    shell
}

#[test]
fn nothing_is_open_to_others_under_any_umask_also_after_a_kill() {
    for umask in ["000", "022", "077", "0777"] {
        let Some(town) = Town::new() else { return };
        let home = town.folder("ada", ADA, 0o700);
        let did = |arguments: &[&str]| {
            let child = under(&town, umask, arguments).spawn().unwrap();
            let said = ended(child, &format!("{arguments:?}"));
            assert_eq!(said.status, Some(0), "{umask}: {arguments:?}: {said:?}");
            said
        };
        did(&["run", "tasks.txt"]);
        did(&["add", "--output", "1k", "seq 1 2000"]);
        did(&["add", "echo it; exec sleep 300"]);
        let mut worker = under(&town, umask, &["work", "-j", "2"]);
        worker.stdout(Stdio::null()).stderr(Stdio::null());
        let mut worker = worker.spawn().unwrap();
        until("one is done, and the other runs", || {
            let said = did(&["list", "--json"]);
            said.out.contains("\"running\"")
                && !said.out.contains("\"ready\"")
                && said.out.matches("\"done\"").count() == 2
        });
        signal(worker.id(), rustix::process::Signal::KILL);
        worker.wait().unwrap();
        until("its minder has gone", || {
            entries(&home.join("state/t.db-minders")).is_empty()
        });
        let mut found = Vec::new();
        open_to_others(&home, &mut found);
        assert!(found.is_empty(), "{umask}: {found:#?}");
        let mut files = Vec::new();
        all(&home, &mut files);
        let is_there = |end: &str| files.iter().any(|file| file.ends_with(end));
        assert!(
            is_there("/done") && is_there("-wal") && is_there(".log"),
            "{files:?}"
        );
    }
}

#[test]
fn commands_keep_the_umask_of_their_worker() {
    let Some(town) = Town::new() else { return };
    town.folder("ada", ADA, 0o700);
    fs::write(town.path("tasks.txt"), "sh -c 'umask > ada/umask'\n").unwrap();
    let child = under(&town, "027", &["run", "tasks.txt"]).spawn().unwrap();
    let said = ended(child, "run");
    assert_eq!(said.status, Some(0), "{said:?}");
    assert_eq!(
        fs::read_to_string(town.path("ada/umask")).unwrap().trim(),
        "0027"
    );
}

fn all(folder: &Path, files: &mut Vec<String>) {
    for entry in entries(folder) {
        if entry.is_dir() {
            all(&entry, files);
        } else {
            files.push(entry.display().to_string());
        }
    }
}

#[test]
fn processes_open_a_store_at_once_under_a_umask_that_takes_the_owners_permissions() {
    let Some(town) = Town::new() else { return };
    town.folder("ada", ADA, 0o700);
    let begin = |arguments: &[&str]| under(&town, "0777", arguments).spawn().unwrap();
    let succeeds = |child| {
        let said = ended(child, "one of those at once");
        assert_eq!(said.status, Some(0), "{said:?}");
        said
    };
    succeeds(begin(&["add", "umask"]));
    // The last one that closes the store removes the files beside it, the next one makes them.
    for _ in 0..30 {
        let all: Vec<_> = (0..8).map(|_| begin(&["list", "--json"])).collect();
        for child in all {
            succeeds(child);
        }
    }
    succeeds(begin(&["work", "--once"]));
    let shown = succeeds(begin(&["list", "--json"]));
    assert!(shown.out.contains("\"done\""), "{shown:?}");
}
