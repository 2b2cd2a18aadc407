//! Files that are no store, or cannot be used as one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use marionette_sqlite::rusqlite::Connection;

use crate::fixture::{Place, Said, said};
use crate::shop::Shop;

/// What each of the commands that only look says.
fn looks(place: &Place) -> Vec<Said> {
    let commands: [&[&str]; 5] = [
        &["list"],
        &["stats"],
        &["instances"],
        &["show", "01234567"],
        &["retry", "--all", "--yes"],
    ];
    commands.iter().map(|args| place.run(args)).collect()
}

/// All of them say this and do nothing.
#[track_caller]
fn all_say(place: &Place, expected: &str) {
    for said in looks(place) {
        assert_eq!(said.code, Some(2), "{said:?}");
        assert_eq!(said.out, "");
        assert_eq!(said.err, format!("marionette: {expected}\n"));
    }
}

#[test]
fn a_store_that_is_not_there_is_told_and_not_made() {
    let place = Place::new();
    all_say(
        &place,
        "there is no store tasks.db; name one with --store, or add something first",
    );
    assert!(!place.path().exists());
    assert_eq!(place.run(&["migrate"]).code, Some(2));
    assert!(!place.path().exists());
}

#[test]
fn a_file_that_is_no_database_is_told_and_left() {
    let place = Place::new();
    let text = "Dear diary, ".repeat(1_000);
    fs::write(place.path(), &text).expect("it can be written");
    all_say(
        &place,
        "cannot use the store tasks.db: tasks.db: file is not a database (code 26)",
    );
    assert_eq!(place.run(&["migrate"]).code, Some(2));
    assert_eq!(fs::read_to_string(place.path()).expect("it is there"), text);
}

#[test]
fn a_directory_is_no_store() {
    let place = Place::new();
    fs::create_dir(place.path()).expect("it can be made");
    all_say(&place, "tasks.db is a directory; name a file with --store");
}

#[test]
fn the_database_of_somebody_else_is_not_given_our_tables_unless_they_are_asked_for() {
    let place = Place::new();
    let connection = Connection::open(place.path()).expect("it can be made");
    connection
        .execute_batch("CREATE TABLE users (name)")
        .expect("it can be written");
    let tables = || -> u32 {
        let count =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0));
        count.expect("an answer")
    };
    all_say(
        &place,
        "tasks.db is a database without tasks; name another with --store, or make it a store with \
         `marionette migrate --store sqlite:tasks.db`",
    );
    assert_eq!(tables(), 1);
    let out = place.good(&["migrate"]);
    assert_eq!(
        out,
        "tasks.db had no tables and has those of version 3 now\n"
    );
    assert!(tables() > 1);
    assert_eq!(place.good(&["migrate"]), "tasks.db has version 3 already\n");
    assert_eq!(place.run(&["list"]).err, "marionette: there are no tasks\n");
}

#[test]
fn a_store_whose_maker_was_killed_while_it_wrote_the_tables_is_made_again() {
    let place = Place::new();
    let made = place.path().with_file_name("made.db");
    let connection = Connection::open(&made).expect("it can be made");
    connection
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE half (made)")
        .expect("it can be written");
    fs::copy(&made, place.path()).expect("it can be copied");
    let mut log = fs::read(made.with_file_name("made.db-wal")).expect("the table is in the log");
    // What the last page of the log ends was not finished.
    assert!(log.pop().is_some());
    fs::write(place.path().with_file_name("tasks.db-wal"), log).expect("it can be written");
    place.good(&["add", "--", "true"]);
    assert!(place.good(&["list"]).contains("true"));
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_told_with_what_to_do() {
    let shop = Shop::open().await;
    let connection = Connection::open(shop.place.path()).expect("it can be opened");
    let newer = "UPDATE marionette_meta SET value = 7 WHERE name = 'version'";
    assert_eq!(connection.execute(newer, []).expect("it can be written"), 1);
    let path = fs::canonicalize(shop.place.path()).expect("it is there");
    let expected = format!(
        "cannot use the store tasks.db: {}: its tables are of version 7, this library knows \
         versions up to 3; use a newer one",
        path.display()
    );
    all_say(&shop.place, &expected);
    let said = shop.place.run(&["migrate"]);
    assert_eq!(
        (said.code, said.err),
        (Some(2), format!("marionette: {expected}\n"))
    );
}

/// The command, for somebody whom permissions bind.
fn bound(place: &Place, args: &[&str]) -> Said {
    let program = place.directory.path().join("marionette");
    if !program.exists() {
        // By a program of its own: what another test starts meanwhile would have a copy of ours
        // open for writing, and the system runs no such file.
        let copy = Command::new("cp")
            .arg(env!("CARGO_BIN_EXE_marionette"))
            .arg(&program)
            .status();
        assert!(
            copy.expect("cp can be started").success(),
            "it can be copied"
        );
    }
    let mut command = Command::new(&program);
    command
        .args(args)
        .current_dir(place.directory.path())
        .env_clear()
        .env("MARIONETTE_STORE", "sqlite:tasks.db");
    if rustix::process::geteuid().is_root() {
        command.uid(65_534).gid(65_534);
    }
    said(command.output().expect("it can be started"))
}

fn permit(place: &Place, file: u32, directory: u32) {
    fs::set_permissions(place.path(), Permissions::from_mode(file)).expect("it is ours");
    let directory_of = place.directory.path();
    fs::set_permissions(directory_of, Permissions::from_mode(directory)).expect("it is ours");
}

#[test]
fn a_file_or_a_directory_that_may_not_be_written_is_told() {
    let file = "you may not read and write the file; it takes both, even to look";
    let folder = "you may not write in its folder; it takes that, even to look";
    for (hint, file, directory) in [
        (file, 0o444, 0o755),
        (file, 0o444, 0o555),
        (file, 0o000, 0o755),
        (folder, 0o666, 0o555),
    ] {
        let place = Place::new();
        place.good(&["add", "true"]);
        // So that what there is to permit is the same for every user.
        bound(&place, &["man"]);
        permit(&place, file, directory);
        for args in [
            ["list"].as_slice(),
            &["retry", "--all"],
            &["migrate"],
            &["add", "true"],
            &["work", "--once"],
        ] {
            let said = bound(&place, args);
            assert_eq!(said.code, Some(2), "{file:o} {directory:o} {said:?}");
            assert_eq!(said.out, "");
            let begin = format!("marionette: cannot use the store tasks.db ({hint}): ");
            assert!(said.err.starts_with(&begin), "{said:?}");
            assert_eq!(said.err.lines().count(), 1, "{said:?}");
        }
        permit(&place, 0o600, 0o755);
        assert_eq!(place.values(&["list"]).len(), 1);
    }
}

#[test]
fn what_an_application_has_added_to_the_tables_is_refused_until_it_is_trusted() {
    let place = Place::new();
    assert_eq!(place.run(&["add", "true"]).code, Some(0));
    let connection = Connection::open(place.path()).expect("it is a database");
    let index = "CREATE INDEX by_failures ON marionette_job (failed)";
    connection.execute_batch(index).expect("it can be made");
    drop(connection);
    let refused = place.run(&["list"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(
        refused.err.contains("by_failures") && refused.err.contains("--trust-additions"),
        "{refused:?}"
    );
    let trusted = place.run(&["list", "--trust-additions"]);
    assert_eq!(trusted.code, Some(0), "{trusted:?}");
    assert!(trusted.out.contains("true"), "{trusted:?}");
}
