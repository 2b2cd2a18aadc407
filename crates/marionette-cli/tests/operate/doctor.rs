//! `marionette doctor` on a file.

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};

use marionette_sqlite::rusqlite::Connection;
use serde_json::Value;

use crate::fixture::Place;

#[test]
fn a_sound_file_has_no_faults_and_a_file_that_all_can_read_is_told() {
    let place = Place::new();
    place.good(&["add", "--delay", "1h", "true"]);
    let told = place.good(&["doctor"]);
    assert!(told.contains("tasks.db, version "), "{told}");
    assert!(told.contains("1 waiting, 0 running, 0 ended"), "{told}");
    assert!(told.contains("Damage     none"), "{told}");
    assert_eq!(place.good(&["doctor", "--quiet"]), "");
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(place.directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let said = place.run(&["doctor"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.err.contains("everybody can read the store"),
        "{said:?}"
    );
}

#[test]
fn a_file_with_a_torn_index_is_told_and_the_status_says_so() {
    let place = Place::new();
    for number in 0..3 {
        place.good(&["add", "--quiet", "--delay", "1h", &format!("echo {number}")]);
    }
    let connection = Connection::open(place.path()).unwrap();
    // Everything into the file itself.
    connection
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    let index = "SELECT rootpage FROM sqlite_schema WHERE name = 'marionette_job_waiting'";
    let page: u32 = connection.query_row(index, [], |row| row.get(0)).unwrap();
    let bytes: u32 = connection
        .query_row("PRAGMA page_size", [], |row| row.get(0))
        .unwrap();
    drop(connection);
    let file = fs::OpenOptions::new()
        .write(true)
        .open(place.path())
        .unwrap();
    // The number of entries of the index's first page: one less.
    let mut entries = [0; 2];
    let at = u64::from(page - 1) * u64::from(bytes) + 3;
    let read = fs::File::open(place.path()).unwrap();
    read.read_exact_at(&mut entries, at).unwrap();
    let fewer = u16::from_be_bytes(entries) - 1;
    file.write_all_at(&fewer.to_be_bytes(), at).unwrap();
    drop(file);
    let said = place.run(&["doctor"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.out.contains("fault"), "{said:?}");
    assert!(said.out.contains("index"), "{said:?}");
    let said = place.run(&["doctor", "--json"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let told: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(told["clean"], false);
    assert_eq!(told["kind"], "sqlite");
    assert!(
        told["faults"].as_array().is_some_and(|it| !it.is_empty()),
        "{told}"
    );
}

#[test]
fn what_is_no_store_is_not_looked_at() {
    let place = Place::new();
    let said = place.run(&["doctor"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("there is no store"), "{said:?}");
    assert!(!place.path().exists());
    fs::write(place.path(), "no database").unwrap();
    assert_eq!(place.run(&["doctor"]).code, Some(2));
}
