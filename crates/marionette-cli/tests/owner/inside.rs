//! What lies in our own folders and is not ours, however it came there: not followed, not waited
//! for, not written over, and not believed.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use crate::common::{entries, janitor, now, signal, until};
use crate::town::{ADA, MALLORY, Town, ended, file, link, pipe};

/// A file of hers that nobody else may write.
fn victim(town: &Town) -> PathBuf {
    let victim = town.path("square/victim");
    file(&victim, ADA, "precious");
    victim
}

fn is_untouched(town: &Town) {
    let text = fs::read_to_string(town.path("square/victim")).unwrap();
    assert_eq!(text, "precious");
}

/// The files in the folder of the runs, by their endings.
fn of_runs(town: &Town, ending: &str) -> PathBuf {
    let all = entries(&town.store("-runs"));
    let found = all
        .iter()
        .find(|path| path.to_string_lossy().ends_with(ending));
    found.expect("a run makes it").clone()
}

#[test]
fn the_note_and_the_lock_of_a_run_are_written_through_no_link() {
    for ending in [".json", ".lock", ".order"] {
        let Some(town) = Town::new() else { return };
        assert_eq!(town.run(ADA, &["run", "tasks.txt"]).status, Some(0));
        let victim = victim(&town);
        let file = of_runs(&town, ending);
        for is_pipe in [false, true] {
            fs::remove_file(&file).unwrap();
            if is_pipe {
                pipe(&file, ADA);
            } else {
                link(&victim, &file, ADA);
            }
            let said = town.run(ADA, &["run", "tasks.txt"]);
            // What can be lost is written anew, under its own name.
            let expected = if ending == ".order" { 0 } else { 2 };
            assert_eq!(said.status, Some(expected), "{ending}: {said:?}");
            is_untouched(&town);
        }
    }
}

#[test]
fn names_that_could_be_known_beforehand_are_not_written() {
    let Some(town) = Town::new() else { return };
    assert_eq!(town.run(ADA, &["run", "tasks.txt"]).status, Some(0));
    let victim = victim(&town);
    let note = of_runs(&town, ".json");
    for ending in ["new", "order.new"] {
        link(&victim, &note.with_extension(ending), ADA);
    }
    assert_eq!(town.run(ADA, &["run", "tasks.txt"]).status, Some(0));
    is_untouched(&town);
}

#[test]
fn a_mark_of_somebody_else_does_not_say_that_a_task_is_done() {
    for what in ["file", "link", "pipe", "folder", "twin"] {
        let Some(town) = Town::new() else { return };
        let id = town.add(ADA);
        let victim = victim(&town);
        let mark = town.output(&id).join("done");
        match what {
            "file" => file(&mark, MALLORY, ""),
            "link" => link(&victim, &mark, MALLORY),
            "pipe" => pipe(&mark, ADA),
            "folder" => fs::create_dir(&mark).unwrap(),
            _ => fs::hard_link(&victim, &mark).unwrap(),
        }
        let said = town.run(ADA, &["work", "--once"]);
        assert_eq!(said.status, Some(0), "{what}: {said:?}");
        assert_eq!(town.ran(), "71002\n", "{what}: it has to run");
        is_untouched(&town);
    }
}

#[test]
fn a_mark_of_ones_own_does() {
    let Some(town) = Town::new() else { return };
    let id = town.add(ADA);
    file(&town.output(&id).join("done"), ADA, "");
    let said = town.run(ADA, &["work", "--once"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert_eq!(town.ran(), "", "it had run before");
}

#[test]
fn a_log_is_written_through_no_link() {
    let Some(town) = Town::new() else { return };
    let line = "seq 1 2000";
    let added = town.run(ADA, &["add", "--quiet", "--output", "1k", line]);
    assert_eq!(added.status, Some(0), "{added:?}");
    let victim = victim(&town);
    let output = town.output(added.out.trim());
    for name in ["1.log", "1-2.tail", "1-2.tail.old", "1.tail"] {
        link(&victim, &output.join(name), ADA);
    }
    let said = town.run(ADA, &["work", "--once"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    is_untouched(&town);
    let kept = fs::read_to_string(output.join("1-2.log")).unwrap();
    assert!(
        kept.starts_with("1\n2\n") && kept.ends_with("1999\n2000\n"),
        "{kept}"
    );
}

#[test]
fn pipes_and_locks_of_others_where_minders_are_seen_hold_nothing_up() {
    let Some(town) = Town::new() else { return };
    town.add(ADA);
    let minders = town.folder("square/t.db-minders", ADA, 0o700);
    for name in 1..=4 {
        pipe(&minders.join(name.to_string()), MALLORY);
    }
    let mut locks = Vec::new();
    for name in 75..=79 {
        let path = minders.join(name.to_string());
        // No process has such a number.
        file(&path, MALLORY, "2147483647");
        let lock = File::open(&path).unwrap();
        flock(&lock, FlockOperation::LockExclusive).unwrap();
        locks.push(lock);
    }
    let begin = now();
    let said = town.run(ADA, &["work", "--once"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert_eq!(town.ran(), "71002\n");
    // One of them alone would have been waited for as long.
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn minders_that_hang_are_waited_for_once_and_not_each() {
    let Some(town) = Town::new() else { return };
    town.add(ADA);
    let minders = town.folder("square/t.db-minders", ADA, 0o700);
    let mut locks = Vec::new();
    for name in 75..=79 {
        let path = minders.join(name.to_string());
        file(&path, ADA, "2147483647");
        let lock = File::open(&path).unwrap();
        flock(&lock, FlockOperation::LockExclusive).unwrap();
        locks.push(lock);
    }
    let begin = now();
    let said = town.run(ADA, &["work", "--once"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    let waited = begin.elapsed();
    assert!(waited < Duration::from_secs(30), "five at once: {waited:?}");
}

#[test]
fn a_mark_is_written_through_no_link_when_a_worker_is_killed() {
    let Some(town) = Town::new() else { return };
    let id = town.add(ADA);
    let mut command = town.command(ADA, &["work"]);
    let mut worker = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("it has run", || town.ran() == "71002\n");
    until("it is done", || {
        town.run(ADA, &["list", "--state", "done", "--json"])
            .out
            .contains(&id)
    });
    let victim = victim(&town);
    let output = town.output(&id);
    link(&victim, &output.join("done"), ADA);
    signal(worker.id(), rustix::process::Signal::KILL);
    worker.wait().unwrap();
    until("its minder has gone", || {
        entries(&town.store("-minders")).is_empty()
    });
    is_untouched(&town);
    let mark = fs::symlink_metadata(output.join("done")).unwrap();
    assert!(mark.is_file(), "it stands in the place of the link");
}

#[test]
fn one_who_comes_and_goes_while_a_store_is_opened_plants_nothing() {
    let Some(town) = Town::new() else { return };
    town.add(ADA);
    let script = format!(
        "while :; do for e in journal wal shm; do echo planted > {0}-$e; rm -f {0}-$e; done; done",
        town.store("").display()
    );
    let mut mallory = Command::new("sh");
    mallory.args(["-c", &script]).uid(MALLORY).gid(MALLORY);
    let square = town.path("square");
    mallory.env(janitor::VARIABLE, square.parent().expect("it has one"));
    let mut mallory = mallory.stderr(Stdio::null()).spawn().unwrap();
    for _ in 0..25 {
        let child = town.command(ADA, &["list", "--json"]).spawn().unwrap();
        ended(child, "list");
        let said = town.run(ADA, &["add", "true"]);
        assert!(matches!(said.status, Some(0 | 2)), "{said:?}");
    }
    mallory.kill().unwrap();
    mallory.wait().unwrap();
    for ending in ["-journal", "-wal", "-shm"] {
        let _ = fs::remove_file(town.store(ending));
    }
    let said = town.run(ADA, &["list", "--json"]);
    assert_eq!(said.status, Some(0), "it is a sound store: {said:?}");
}
