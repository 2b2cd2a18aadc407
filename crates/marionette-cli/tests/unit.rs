//! `marionette unit`: what systemd says of it, and that its line starts a worker.

mod common;

use std::process::{Command, Stdio};

use common::{Sandbox, said, signal, until};
use rustix::process::Signal;

/// The value of a setting.
fn setting<'a>(unit: &'a str, name: &str) -> Option<&'a str> {
    let line = unit.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.strip_prefix('='))
}

#[test]
fn systemd_finds_no_fault_in_the_unit() {
    let sandbox = Sandbox::new();
    let store = format!(
        "sqlite:{}",
        sandbox.path("50% of \"it\" $HOME.db").display()
    );
    for user in [false, true] {
        let options: &[&str] = if user { &["--user"] } else { &[] };
        let all = [
            "--store", &store, "unit", "-j", "3", "--queue", "a", "--queue", "b",
        ];
        let said = sandbox.run(&[&all, options].concat());
        assert_eq!(said.status, Some(0), "{said:?}");
        let path = sandbox.write("marionette.service", &said.out);
        let mut verify = Command::new("systemd-analyze");
        verify.args(options).args(["--man=no", "verify"]);
        // A user's systemd wants a place for its sockets, though nothing is started.
        verify.env("XDG_RUNTIME_DIR", sandbox.path(""));
        let found = match verify.arg(&path).output() {
            Err(error) => {
                println!("LEFT OUT: systemd-analyze: {error}");
                continue;
            }
            Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        // It may find faults in other units of this machine, or not be able to look at any.
        let of_it = |line: &&str| line.contains("marionette");
        let faults: Vec<_> = found.lines().filter(of_it).collect();
        assert!(faults.is_empty(), "user: {user}: {faults:?}");
        if !found.is_empty() {
            println!("user: {user}: systemd-analyze also says {found}");
        }
    }
}

#[test]
fn the_unit_names_what_it_needs() {
    let sandbox = Sandbox::new();
    let said = sandbox.run(&["--store", "sqlite:here.db", "unit"]);
    let unit = said.out.as_str();
    assert_eq!(setting(unit, "KillMode"), Some("mixed"));
    assert_eq!(setting(unit, "Restart"), Some("on-failure"));
    assert_eq!(setting(unit, "OOMPolicy"), Some("continue"));
    assert_eq!(setting(unit, "WantedBy"), Some("multi-user.target"));
    assert!(setting(unit, "User").is_some(), "{unit}");
    let seconds: u64 = setting(unit, "TimeoutStopSec")
        .expect("it is set")
        .parse()
        .expect("a number");
    assert!(seconds > 600, "the longest grace of a command is 10 min");
    let line = setting(unit, "ExecStart").expect("it is set");
    let store = sandbox.path("here.db");
    assert!(line.starts_with(env!("CARGO_BIN_EXE_marionette")), "{line}");
    assert!(
        line.contains(&format!("--store sqlite:{}", store.display())),
        "{line}"
    );

    let said = sandbox.run(&["unit", "--user"]);
    assert_eq!(setting(&said.out, "User"), None);
    assert_eq!(setting(&said.out, "WantedBy"), Some("default.target"));
}

#[test]
fn the_line_of_the_unit_starts_a_worker_that_runs_what_was_added() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.run(&["add", "echo ran >> log"]).status, Some(0));
    let unit = sandbox.run(&["unit", "--stop-within", "1m30s"]).out;
    let line = setting(&unit, "ExecStart").expect("it is set");
    // It has nothing that a shell reads otherwise than systemd.
    let mut exec = Command::new("sh");
    let sample = sandbox.command(&[]);
    let variables = sample
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    exec.args(["-c", &format!("exec {line}")])
        .envs(variables)
        .env_remove("MARIONETTE_STORE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let worker = exec.spawn().expect("it starts");
    until("it ran", || sandbox.read("log") == "ran\n");
    signal(worker.id(), Signal::TERM);
    let ended = said(worker.wait_with_output().expect("it ends"));
    assert_eq!(ended.status, Some(0), "{ended:?}");
}
