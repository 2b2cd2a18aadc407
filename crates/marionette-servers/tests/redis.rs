//! A server starts, does what a test asks of it, and ends whatever happens.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use marionette_servers::{AppendOnly, RedisServer, Reply};

#[test]
fn a_server_that_kept_its_log_knows_it_after_a_kill() {
    let settings = RedisServer::settings().append_only(AppendOnly::Always);
    let Some(mut server) = settings.start() else {
        return;
    };
    assert_eq!(
        server.command(&["SET", "a", "1"]),
        Reply::Status("OK".to_owned())
    );
    server.kill();
    assert!(server.connect().is_err());
    server.restart();
    assert_eq!(server.command(&["GET", "a"]).int(), 1);
    server.restart_empty();
    assert_eq!(server.command(&["GET", "a"]), Reply::Nil);
}

#[test]
fn a_server_that_stands_still_answers_once_it_goes_on() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    server.stand_still();
    let asking = std::thread::scope(|scope| {
        let asking = scope.spawn(|| server.command(&["PING"]));
        server.go_on();
        asking.join()
    });
    assert_eq!(asking.unwrap().text(), "PONG");
}

#[test]
fn a_server_with_a_password_is_asked_with_it() {
    let Some(server) = RedisServer::settings().password("secret").start() else {
        return;
    };
    assert!(server.url().contains("secret"));
    assert_eq!(server.command(&["PING"]).text(), "PONG");
}

#[test]
fn a_replica_has_what_its_server_has() {
    let Some(first) = RedisServer::start() else {
        return;
    };
    let Some(second) = RedisServer::settings().replica_of(&first).start() else {
        return;
    };
    first.command(&["SET", "a", "1"]);
    // It waits until the replica has it.
    while first.command(&["WAIT", "1", "1000"]).int() < 1 {}
    assert_eq!(second.command(&["GET", "a"]).int(), 1);
    let role = second.command(&["ROLE"]).list();
    assert_eq!(role[0].text(), "slave");
}

#[test]
fn a_server_whose_test_was_killed_ends_and_leaves_no_directory() {
    const CHILD: &str = "MARIONETTE_SERVERS_CHILD";
    if std::env::var_os(CHILD).is_some() {
        let Some(server) = RedisServer::start() else {
            return;
        };
        eprintln!("DIRECTORY {}", server.directory().display());
        loop {
            std::thread::park();
        }
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "--nocapture"])
        .arg("a_server_whose_test_was_killed_ends_and_leaves_no_directory")
        .env(CHILD, "1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    let mut said = String::new();
    let mut stderr = child.stderr.take().unwrap();
    let mut byte = [0];
    while !said.ends_with('\n') && stderr.read(&mut byte).unwrap() > 0 {
        said.push(byte[0] as char);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let Some(directory) = said.trim().strip_prefix("DIRECTORY ") else {
        return eprint!("{said}");
    };
    // The watcher needs a moment; without it this never ends.
    while Path::new(directory).exists() {
        std::thread::yield_now();
    }
}
