//! What the surroundings say: where the store is, and which zone is the local one.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Sandbox, entries, said};

/// The command in its folder, with this as the name of the store.
fn with_store(sandbox: &Sandbox, store: &str, arguments: &[&str]) -> common::Said {
    let mut command = sandbox.command(arguments);
    command.env("MARIONETTE_STORE", store);
    command.env("HOME", sandbox.path("home"));
    said(command.output().expect("it starts"))
}

/// The names of what is in the folder.
fn names(sandbox: &Sandbox) -> Vec<String> {
    let folder = sandbox.path("");
    let name = |path: &Path| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    entries(&folder).iter().map(|path| name(path)).collect()
}

#[test]
fn a_store_is_where_its_name_says_in_every_notation() {
    for (store, file) in [
        ("sqlite:x.db", "x.db"),
        ("sqlite://x.db", "x.db"),
        ("sqlite://sub/x.db", "sub/x.db"),
        ("sqlite:~/x.db", "home/x.db"),
    ] {
        let sandbox = Sandbox::new();
        let added = with_store(&sandbox, store, &["add", "true"]);
        assert_eq!(added.status, Some(0), "{store}: {added:?}");
        assert!(
            sandbox.path(file).is_file(),
            "{store}: {:?}",
            names(&sandbox)
        );
        let shown = with_store(&sandbox, store, &["list", "--json"]);
        assert_eq!(shown.out.lines().count(), 1, "{store}: {shown:?}");
    }
    let sandbox = Sandbox::new();
    let absolute = format!("sqlite://{}", sandbox.path("y.db").display());
    assert_eq!(
        with_store(&sandbox, &absolute, &["add", "true"]).status,
        Some(0)
    );
    assert!(sandbox.path("y.db").is_file());
}

#[test]
fn a_store_that_is_refused_leaves_nothing_and_says_who_named_it() {
    let sandbox = Sandbox::new();
    sandbox.write("tasks.txt", "true\n");
    let before = names(&sandbox);
    for store in [
        "",
        "sqlite:",
        "sqlite://",
        "sqlite::memory:",
        "sqlite:file:x.db?mode=rwc",
        "sqlite:q.db?mode=ro",
        "sqlite:new%20folder/x.db",
        "sqlite:~bob/x.db",
        "sqlite:$HOME/x.db",
        "sqlite:new/",
        "file:x.db",
        "mysql://localhost",
        "redis://",
        "x.db",
    ] {
        for arguments in [
            &["add", "true"][..],
            &["run", "tasks.txt"],
            &["work", "--once"],
            &["list"],
            &["migrate"],
        ] {
            let said = with_store(&sandbox, store, arguments);
            assert_eq!(said.status, Some(2), "{store:?} {arguments:?}: {said:?}");
            assert!(said.err.contains("MARIONETTE_STORE"), "{store:?}: {said:?}");
            let option = [&["--store", store], arguments].concat();
            let said = sandbox.run(&option);
            assert_eq!(said.status, Some(2), "{option:?}: {said:?}");
            assert!(said.err.contains("--store"), "{option:?}: {said:?}");
            assert_eq!(names(&sandbox), before, "{store:?} {arguments:?}");
        }
    }
}

#[test]
fn of_a_store_that_cannot_be_made_no_folder_is_left() {
    let sandbox = Sandbox::new();
    sandbox.write("tasks.txt", "true\n");
    let before = names(&sandbox);
    // No file system has room for this name.
    let store = format!("sqlite:new/deep/{}.db", "x".repeat(300));
    for arguments in [
        &["add", "true"][..],
        &["run", "tasks.txt"],
        &["work", "--once"],
    ] {
        let said = with_store(&sandbox, &store, arguments);
        assert_eq!(said.status, Some(2), "{arguments:?}: {said:?}");
        assert!(said.err.contains("cannot make the store"), "{said:?}");
        assert_eq!(names(&sandbox), before, "{arguments:?}");
    }
}

#[test]
fn the_database_of_somebody_else_is_not_given_our_tables_by_what_adds() {
    let sandbox = Sandbox::new();
    sandbox.write("tasks.txt", "true\n");
    let path = sandbox.path("tasks.db");
    let connection = marionette_sqlite::rusqlite::Connection::open(&path).expect("it can be made");
    let made = connection.execute_batch("CREATE TABLE users (name)");
    made.expect("it can be written");
    let bytes = fs::read(&path).expect("it is there");
    for arguments in [
        &["add", "true"][..],
        &["run", "tasks.txt"],
        &["work", "--once"],
    ] {
        let said = sandbox.run(arguments);
        assert_eq!(said.status, Some(2), "{arguments:?}: {said:?}");
        assert!(said.err.contains("is a database without tasks"), "{said:?}");
    }
    assert_eq!(fs::read(&path).expect("it is there"), bytes);
    // An empty file is nobody's.
    drop(connection);
    sandbox.write("tasks.db", "");
    assert_eq!(sandbox.run(&["add", "true"]).status, Some(0));
}

fn in_zone(sandbox: &Sandbox, zone: &str, arguments: &[&str]) -> common::Said {
    let mut command = sandbox.command(arguments);
    command.env("TZ", zone);
    said(command.output().expect("it starts"))
}

#[test]
fn an_unknown_zone_is_named_wherever_a_time_is_read_or_shown() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "tasks.toml",
        "[[task]]\nrun = \"true\"\nat = \"tomorrow 06:00\"\n",
    );
    sandbox.run(&["add", "true"]);
    for zone in [
        "Foo/Bar",
        ":Foo/Bar",
        "Mars/Olympus",
        "/nowhere",
        "CEST",
        "UTC+99:99",
    ] {
        for arguments in [
            &["add", "--at", "07:00", "true"][..],
            &["add", "--delay", "10m", "true"],
            &["add", "--file", "tasks.toml"],
            &["run", "tasks.toml"],
            &["list"],
            &["list", "--since", "yesterday"],
            &["list", "--json"],
            &["show", "0123"],
        ] {
            let said = in_zone(&sandbox, zone, arguments);
            assert_eq!(said.status, Some(2), "{zone} {arguments:?}: {said:?}");
            assert!(
                said.err.contains(&format!("TZ is {zone:?}")),
                "{zone}: {said:?}"
            );
        }
    }
    assert_eq!(
        in_zone(&sandbox, "UTC", &["list", "--json"])
            .out
            .lines()
            .count(),
        1
    );
}

#[test]
fn a_zone_is_read_as_the_system_reads_it() {
    let sandbox = Sandbox::new();
    for zone in [
        "",
        "UTC",
        "Europe/Berlin",
        ":Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "UTC+3",
        "<+0530>-5:30",
        "CET-1CEST",
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "EST5EDT",
        ":/etc/localtime",
    ] {
        for time in ["1768474800", "1783000000", "1792000000", "1793600000"] {
            // What is added at that time is due in the zone of the shell.
            let date = Command::new("date")
                .args(["-d", &format!("@{time}"), "+%Y-%m-%dT%H:%M:%S.000%:z"])
                .env("TZ", zone)
                .output()
                .expect("there is `date`");
            let date = said(date).out;
            let added = in_zone(
                &sandbox,
                zone,
                &["--json", "add", "--at", &rfc(time), "true"],
            );
            assert_eq!(added.status, Some(0), "{zone} {time}: {added:?}");
            let due = format!("\"due\":\"{}\"", date.trim());
            assert!(added.out.contains(&due), "{zone} {time}: {due} {added:?}");
        }
    }
}

/// Seconds since 1970 in a form that needs no zone.
fn rfc(seconds: &str) -> String {
    let mut date = Command::new("date");
    date.args(["-u", "-d", &format!("@{seconds}"), "+%FT%TZ"]);
    let shown = said(date.output().expect("there is `date`"));
    shown.out.trim().to_owned()
}

#[test]
fn a_system_without_zones_has_those_of_the_program() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("zones")).expect("it can be made");
    let mut command = sandbox.command(&["--json", "add", "--at", "2027-07-01T00:00:00Z", "true"]);
    command.env("TZDIR", sandbox.path("zones"));
    command.env("TZ", "Europe/Stockholm");
    let added = said(command.output().expect("it starts"));
    assert!(
        added.out.contains("2027-07-01T02:00:00.000+02:00"),
        "{added:?}"
    );
}
