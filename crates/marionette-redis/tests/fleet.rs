//! The example of two workers does what it says.

use std::process::Command;

use marionette_servers::RedisServer;

#[test]
fn one_of_two_workers_is_killed_and_nothing_is_lost() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let said = example().env("REDIS_URL", server.url()).output();
    let said = said.expect("it starts");
    let out = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "{said:?}");
    assert_eq!(
        out,
        "300 mails are accepted: they are on the server\n\
         one of two workers was killed while it sent some\n\
         300 mails are done, none is lost\n"
    );
}

/// The example, which is built with all tests, but not with one that is run alone.
fn example() -> Command {
    let test = std::env::current_exe().expect("it is running");
    let built = test.parent().and_then(|folder| folder.parent());
    let program = built.expect("it is in a folder").join("examples/fleet");
    if program.is_file() {
        return Command::new(program);
    }
    let mut cargo = Command::new(env!("CARGO"));
    let package = env!("CARGO_PKG_NAME");
    cargo.args(["run", "--quiet", "--package", package, "--example", "fleet"]);
    cargo
}
