//! A store on a server, which several machines share.

#![cfg(feature = "redis")]

#[path = "../common/mod.rs"]
mod common;
mod doctor;
mod machines;

use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use common::{Said, Sandbox, said, signal, until};
use marionette_servers::RedisServer;
use rustix::process::Signal;

const PASSWORD: &str = "hush-nobody-may-see-this";

/// The program as on a machine of its own: what it keeps for itself is known to no other.
struct Machine {
    sandbox: Rc<Sandbox>,
    state: &'static str,
    store: String,
}

impl Machine {
    fn new(server: &RedisServer) -> Self {
        Self {
            sandbox: Rc::new(Sandbox::new()),
            state: "state",
            store: server.url(),
        }
    }

    /// Another machine with the same files of its users at the same paths.
    fn another(&self, state: &'static str) -> Self {
        Self {
            sandbox: Rc::clone(&self.sandbox),
            state,
            store: self.store.clone(),
        }
    }

    fn with_store(self, store: String) -> Self {
        Self { store, ..self }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.sandbox.command(arguments);
        command.env("MARIONETTE_STORE", &self.store);
        command.env("XDG_STATE_HOME", self.sandbox.path(self.state));
        command
    }

    fn run(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments).output().expect("it starts"))
    }

    fn succeeds(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.status, Some(0), "{arguments:?}: {said:?}");
        said.out
    }
}

fn server() -> Option<RedisServer> {
    RedisServer::settings().password(PASSWORD).start()
}

#[test]
fn what_one_machine_adds_runs_on_another_and_both_see_it() {
    let Some(server) = server() else { return };
    let (one, other) = (Machine::new(&server), Machine::new(&server));
    one.succeeds(&[
        "add",
        "--name",
        "greeting",
        "echo hello from there; echo >> ran",
    ]);
    assert!(one.succeeds(&["list"]).contains("ready"));
    other.succeeds(&["work", "--once"]);
    assert_eq!(other.sandbox.read("ran"), "");
    assert_eq!(one.sandbox.read("ran"), "\n");
    for machine in [&one, &other] {
        let list = machine.succeeds(&["list", "--json"]);
        assert!(list.contains("\"done\""), "{list}");
        assert!(list.contains("greeting"), "{list}");
    }
    let id = one.succeeds(&["list", "--json"]);
    let id: serde_json::Value = serde_json::from_str(id.lines().next().unwrap()).unwrap();
    let id = id["id"].as_str().unwrap();
    // What a command wrote stays where it ran.
    assert!(other.succeeds(&["show", id]).contains("hello from there"));
    let there = one.succeeds(&["show", id]);
    assert!(!there.contains("hello from there\n"), "{there}");
    let host = host();
    let folder = other.sandbox.path("state/marionette");
    let on = format!("kept is on {host}, in {}/redis-", folder.display());
    assert!(there.contains(&on), "{there}");
    // The instance is gone by now.
    assert!(there.contains(&format!("on {host}\n")), "{there}");
    let told: serde_json::Value =
        serde_json::from_str(&one.succeeds(&["show", id, "--json"])).unwrap();
    let attempt = &told["attempts"][0];
    assert_eq!(attempt["host"], host);
    let kept = Path::new(attempt["folder"].as_str().unwrap());
    assert!(kept.starts_with(folder), "{kept:?}");
    assert!(kept.read_dir().unwrap().next().is_some(), "{kept:?}");
}

/// The name of this machine.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.expect("it has one").trim().to_owned()
}

#[test]
fn what_somebody_else_may_have_put_into_a_server_is_run_only_if_it_has_a_password() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let machine = Machine::new(&server);
    machine.succeeds(&["add", "echo >> ran"]);
    machine.sandbox.write("tasks.txt", "true\n");
    for verb in [&["work", "--once"][..], &["run", "tasks.txt"]] {
        let said = machine.run(verb);
        assert_eq!(said.status, Some(2), "{said:?}");
        assert!(said.err.contains("--trust-owner"), "{said:?}");
    }
    assert_eq!(machine.sandbox.read("ran"), "");
    machine.succeeds(&["work", "--once", "--trust-owner"]);
    assert_eq!(machine.sandbox.read("ran"), "\n");
}

#[test]
fn no_password_is_shown_whatever_goes_wrong() {
    let Some(mut server) = server() else { return };
    let machine = Machine::new(&server);
    let url = server.url();
    let wrong = url.replace(PASSWORD, "hush-wrong");
    let nobody = format!("redis://:{PASSWORD}@127.0.0.1:1");
    let nowhere = format!("redis://:{PASSWORD}@there-is-no-such-host.invalid");
    let strange = format!("redis://:{PASSWORD}@127.0.0.1:99999/x?y");
    let kind = format!("rediss+http://:{PASSWORD}@127.0.0.1");
    for store in [&wrong, &nobody, &nowhere, &strange, &kind] {
        for verb in [
            &["list"][..],
            &["add", "true"],
            &["work", "--once"],
            &["stats"],
        ] {
            let said = said(
                machine
                    .command(verb)
                    .env("MARIONETTE_STORE", store)
                    .output()
                    .unwrap(),
            );
            assert_eq!(said.status, Some(2), "{store}: {said:?}");
            let text = format!("{}{}", said.out, said.err);
            assert!(
                !text.contains("hush") && !text.contains("nobody-may"),
                "{text}"
            );
        }
    }
    let unit = machine.succeeds(&["unit"]);
    assert!(!unit.contains("hush"), "{unit}");
    assert!(unit.contains("EnvironmentFile="), "{unit}");
    server.kill();
    let said = machine.run(&["list"]);
    assert!(!said.err.contains("hush"), "{said:?}");
    assert!(
        said.err
            .contains("cannot use the store: redis://127.0.0.1:"),
        "{said:?}"
    );
}

#[test]
fn with_one_worker_a_file_runs_line_by_line() {
    let Some(server) = server() else { return };
    let machine = Machine::new(&server);
    let lines = (0..40).map(|line| format!("echo {line} >> ran\n"));
    machine
        .sandbox
        .write("tasks.txt", &lines.collect::<String>());
    machine.succeeds(&["run", "tasks.txt", "-j", "1"]);
    let ran = machine.sandbox.read("ran");
    assert!(
        ran.lines().eq((0..40).map(|line| line.to_string())),
        "{ran}"
    );
}

#[test]
fn a_run_whose_process_was_killed_goes_on_and_runs_no_task_twice() {
    let Some(server) = server() else { return };
    let machine = Machine::new(&server);
    let tasks: Vec<_> = (0..20)
        .map(|n| format!("echo {n} >> ran; sleep 0.05"))
        .collect();
    machine.sandbox.write("tasks.txt", &tasks.join("\n"));
    let mut run = machine
        .command(&["run", "tasks.txt", "-j", "1"])
        .spawn()
        .unwrap();
    until("some have run", || {
        machine.sandbox.read("ran").lines().count() > 4
    });
    signal(run.id(), Signal::KILL);
    run.wait().unwrap();
    machine.succeeds(&["run", "tasks.txt", "-j", "4"]);
    let ran = machine.sandbox.read("ran");
    let mut ran: Vec<u32> = ran.lines().map(|line| line.parse().unwrap()).collect();
    ran.sort_unstable();
    let count = ran.len();
    ran.dedup();
    assert_eq!(ran, (0..20).collect::<Vec<_>>());
    // The one that ran when its process was killed may begin again.
    assert!(count <= 21, "{count}");
}

#[test]
fn people_change_what_waits_on_a_server() {
    let Some(server) = server() else { return };
    let machine = Machine::new(&server);
    machine.succeeds(&["add", "--name", "first", "--delay", "1h", "true"]);
    machine.succeeds(&["add", "--name", "second", "--queue", "mails", "true"]);
    machine.succeeds(&["pause", "mails"]);
    let work = machine.succeeds(&["work", "--once"]);
    assert_eq!(work, "");
    machine.succeeds(&["resume", "mails"]);
    machine.succeeds(&["work", "--once", "--queue", "mails"]);
    let stats = machine.succeeds(&["stats", "--json"]);
    assert!(stats.contains("mails"), "{stats}");
    let list = machine.succeeds(&["list", "--state", "scheduled", "--json"]);
    let first: serde_json::Value = serde_json::from_str(list.lines().next().unwrap()).unwrap();
    machine.succeeds(&["cancel", first["id"].as_str().unwrap()]);
    let list = machine.succeeds(&["list", "--state", "cancelled"]);
    assert!(list.contains("first"), "{list}");
}
