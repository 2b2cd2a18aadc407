//! Runs the other tests beside each other: they sleep for most of their time, and two at a time
//! would take minutes. Each is a process of its own, as if it were run alone.
//!
//! `cargo nextest` passes over those that are run here (`.config/nextest.toml`); it runs one of
//! them with `--ignore-default-filter`. `cargo test` runs them as they are, and nothing here.

use std::env;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

/// How many run at once.
const BESIDE: usize = 8;

/// Runs all tests of these modules, those of the first one first.
fn together(modules: &[&str]) {
    if env::var_os("NEXTEST").is_none() {
        return;
    }
    let this = env::current_exe().expect("this program is a file");
    let mut list = Command::new(&this);
    let list = list.args(["--list", "--format", "terse"]);
    let list = list.output().expect("it lists its tests").stdout;
    let list = String::from_utf8(list).expect("text");
    let names = list.lines().filter_map(|line| line.strip_suffix(": test"));
    let names: Vec<_> = names.collect();
    let of = |module: &&str| {
        let start = format!("{module}::");
        let names = names.iter().filter(move |name| name.starts_with(&start));
        names.copied().collect::<Vec<_>>()
    };
    let mut waiting: Vec<_> = modules.iter().flat_map(of).collect();
    assert!(waiting.len() > modules.len(), "{list}");
    waiting.reverse();
    let (waiting, failed) = (Mutex::new(waiting), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let Some(name) = waiting.lock().unwrap().pop() else {
                return;
            };
            let mut test = Command::new(&this);
            test.args([name, "--exact", "--nocapture"]);
            let done = test.stdin(Stdio::null()).output().expect("it starts");
            let said = [done.stdout, done.stderr].concat();
            eprintln!("{}", String::from_utf8_lossy(&said));
            if !done.status.success() {
                failed.lock().unwrap().push(name);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..BESIDE {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "failed: {failed:#?}");
}

#[test]
fn what_happens_to_the_network_is_tried() {
    together(&["machines", "names", "vanish"]);
}

#[test]
fn what_happens_to_the_server_is_tried() {
    together(&["busy", "stepped", "disk"]);
}
