//! Stores that somebody has handed over, with everything wrong that can be, and all that is asked
//! of them: soon answered, in little memory, and without a character that a terminal obeys.
//!
//! Each store meets some of the verbs, and each verb some stores of each kind; with
//! `MARIONETTE_ALL_PAIRS` in the environment all of them meet, and `MARIONETTE_STORES` is a piece
//! of the names of those that are tried.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::panic;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::common::{Sandbox, entries, now};
use crate::seen::{Seen, in_pipe, on_terminal};
use crate::stores_of_others::{HostileStore, good, hostile_stores};

/// The first job of a good store.
const ID: &str = "01990000000070008000000000000001";

/// All that can be asked of a store.
const VERBS: [&[&str]; 19] = [
    &["list"],
    &["list", "--all", "--json"],
    &["show", ID, "--full"],
    &["show", ID, "--json"],
    &["stats"],
    &["instances"],
    &["follow", "--no-wait", ID],
    &["retry", "--all", "--yes"],
    &["cancel", "--all", "--yes", "--json"],
    &["delete", "--all", "--yes"],
    &["reschedule", "--all", "--yes", "in 1h"],
    &["pause", "other"],
    &["resume", "paused", "--json"],
    &["prune", "--older", "0s", "--yes"],
    &["migrate"],
    &["add", "--json", "true"],
    &["work", "--once"],
    &["work", "--once", "--json"],
    &["run", "tasks.txt"],
];

/// How many verbs meet each store, unless all do. It has no divisor in common with the number of
/// all verbs, so that all kinds of stores meet all of them.
const VERBS_EACH: usize = 2;
/// In how many tests they meet, which run at once.
const PARTS: usize = 4;
/// How many stores are asked at once: a worker waits there for the lease of a dead one.
const AT_ONCE: usize = 8;
/// What each may have: address space that it can write to, in KiB.
const MEMORY: &str = "262144";
/// What a program may take beyond a multiple of what the same verb takes with a good store: it is
/// two seconds on a machine with nothing else to do.
const LENIENCE: Duration = Duration::from_secs(10);

/// The program on a store in this sandbox, with a bounded memory.
fn command(sandbox: &Sandbox, verb: &[&str]) -> Command {
    let program = sandbox.command(&[&["--color", "always"], verb].concat());
    let mut command = sandbox.command(&[]);
    let limited = format!("ulimit -d {MEMORY} && exec \"$0\" \"$@\"");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &limited])
        .arg(program.get_program())
        .args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.current_dir(sandbox.path(""));
    std::mem::swap(&mut command, &mut shell);
    command.stdin(std::process::Stdio::null());
    command
}

/// Asks a store once, made anew by `make`.
fn ask(
    sandbox: &Sandbox,
    make: impl Fn(&Path),
    verb: &[&str],
    is_terminal: bool,
) -> (Seen, Duration) {
    for path in entries(&sandbox.path("")) {
        // An error says that it is a folder, which the next line removes.
        let _ = fs::remove_file(&path);
        let _ = fs::remove_dir_all(&path);
    }
    make(&sandbox.path("tasks.db"));
    sandbox.write("tasks.txt", "true\n");
    let mut command = command(sandbox, verb);
    let begin = now();
    let seen = if is_terminal {
        on_terminal(&mut command)
    } else {
        in_pipe(&mut command)
    };
    (seen, begin.elapsed())
}

/// Which verbs a store meets, by its place in the list.
fn verbs_of(place: usize, all: bool) -> Vec<usize> {
    if all {
        return (0..VERBS.len()).collect();
    }
    (0..VERBS_EACH)
        .map(|nth| (place * VERBS_EACH + nth) % VERBS.len())
        .collect()
}

/// Lets a store meet a verb; says what was wrong, if anything was.
fn judge(
    sandbox: &Sandbox,
    store: &HostileStore,
    verb: &[&str],
    is_terminal: bool,
    limit: Duration,
) -> Option<String> {
    let (seen, took) = ask(sandbox, |path| store.make(path), verb, is_terminal);
    let what = format!("{store:?}: {verb:?}");
    let judged = panic::catch_unwind(|| {
        seen.ended_well(&what);
        seen.is_clean(&what);
        assert!(took < limit, "{what} took {took:?}, of {limit:?}: {seen:?}");
    });
    judged.is_err().then_some(what)
}

/// Lets every store of a part meet its verbs.
fn part(part: usize) {
    let all = env::var_os("MARIONETTE_ALL_PAIRS").is_some();
    let only = env::var("MARIONETTE_STORES").unwrap_or_default();
    let sandbox = Sandbox::new();
    let mut usual = BTreeMap::new();
    for (number, verb) in VERBS.into_iter().enumerate() {
        let (seen, took) = ask(&sandbox, good, verb, number.is_multiple_of(2));
        seen.ended_well(&format!("a good store: {verb:?}"));
        usual.insert(number, took);
    }
    let stores = hostile_stores();
    assert!(stores.len() > 100, "{}", stores.len());
    let is_wanted =
        |place: usize, store: &HostileStore| place % PARTS == part && store.name.contains(&only);
    let stores = stores.iter().enumerate();
    let stores: Vec<_> = stores
        .filter(|(place, store)| is_wanted(*place, store))
        .collect();
    let next = AtomicUsize::new(0);
    let ask_some = || {
        let sandbox = Sandbox::new();
        let mut wrong = Vec::new();
        while let Some((place, store)) = stores.get(next.fetch_add(1, Ordering::Relaxed)) {
            for verb in verbs_of(*place, all) {
                let is_terminal = (place + verb).is_multiple_of(2);
                let limit = usual[&verb] * 20 + LENIENCE;
                wrong.extend(judge(&sandbox, store, VERBS[verb], is_terminal, limit));
            }
        }
        wrong
    };
    let wrong: Vec<_> = thread::scope(|scope| {
        let asking: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(ask_some)).collect();
        let asking = asking.into_iter();
        asking
            .flat_map(|some| some.join().expect("what is wrong is caught"))
            .collect()
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_store_that_was_handed_over_is_answered_for_soon_and_in_plain_characters_1() {
    part(0);
}

#[test]
fn a_store_that_was_handed_over_is_answered_for_soon_and_in_plain_characters_2() {
    part(1);
}

#[test]
fn a_store_that_was_handed_over_is_answered_for_soon_and_in_plain_characters_3() {
    part(2);
}

#[test]
fn a_store_that_was_handed_over_is_answered_for_soon_and_in_plain_characters_4() {
    part(3);
}

#[test]
fn all_verbs_meet_some_stores_of_each_kind() {
    let mut met: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, store) in hostile_stores().iter().enumerate() {
        let verbs = met.entry(format!("{:?}", store.kind)).or_default();
        verbs.extend(verbs_of(place, false));
    }
    for (kind, mut verbs) in met {
        verbs.sort_unstable();
        verbs.dedup();
        assert!(
            verbs.len() > VERBS.len() / 2,
            "{kind}: {} verbs",
            verbs.len()
        );
    }
}
