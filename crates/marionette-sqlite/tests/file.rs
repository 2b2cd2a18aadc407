//! The file: who may read it, what is refused, what else may be in it.

mod common;

use std::fs;
use std::path::Path;

use common::{Place, by, insert, job, known_instance};
use marionette::inspect::Inspect;
use marionette::store::{Store, StoreError, StoreErrorKind};
use marionette_sqlite::SqliteStore;
use marionette_sqlite::rusqlite::Connection;

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;

    let mode = |path: &Path| {
        let metadata = fs::metadata(path).expect("it is there");
        metadata.permissions().mode() & 0o777
    };
    let place = Place::new();
    let store = place.open().await;
    let instance = known_instance(&store).await;
    insert(&store, job()).await;
    let name = place.path().display().to_string();
    for end in ["", "-wal", "-shm"] {
        let path = format!("{name}{end}");
        assert_eq!(mode(Path::new(&path)), 0o600, "{path}");
    }
    let instances = format!("{name}-workers");
    assert_eq!(mode(Path::new(&instances)), 0o700);
    let lock = Path::new(&instances).join(instance.id.to_string());
    assert_eq!(mode(&lock), 0o600);
    drop(store);
    assert!(
        !lock.exists(),
        "an instance without jobs leaves nothing behind"
    );
}

async fn refused(place: &Place) -> StoreError {
    let opened = SqliteStore::open(place.path()).await;
    let err = opened.expect_err("it must not be opened");
    let name = place.path().display().to_string();
    assert!(
        err.to_string().contains(&name),
        "the error names the file: {err}"
    );
    err
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused() {
    let place = Place::new();
    drop(place.open().await);
    let connection = Connection::open(place.path()).expect("it is a database");
    let newer = "UPDATE marionette_meta SET value = 7 WHERE name = 'version'";
    assert_eq!(connection.execute(newer, []).expect("it can be written"), 1);
    drop(connection);
    let err = refused(&place).await;
    assert_eq!(err.kind(), StoreErrorKind::Broken);
    let text = err.to_string();
    assert!(
        text.contains("version 7") && text.contains("up to 3"),
        "{text}"
    );
}

#[tokio::test]
async fn a_file_tells_its_version_and_stays_as_it_is() {
    let place = Place::new();
    let version = async || SqliteStore::version_of(place.path()).await;
    assert!(version().await.is_err(), "it is not there");
    assert!(!place.path().exists(), "and is not made");

    let connection = Connection::open(place.path()).expect("it can be made");
    let table = connection.execute_batch("CREATE TABLE users (name)");
    table.expect("it can be written");
    let before = fs::read(place.path()).expect("it is there");
    assert_eq!(version().await.expect("an answer"), None);
    assert_eq!(fs::read(place.path()).expect("it is there"), before);

    drop(place.open().await);
    let known = Some(SqliteStore::VERSION);
    assert_eq!(version().await.expect("an answer"), known);
    let newer = "UPDATE marionette_meta SET value = 7 WHERE name = 'version'";
    assert_eq!(connection.execute(newer, []).expect("it can be written"), 1);
    assert_eq!(version().await.expect("an answer"), Some(7));
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let place = Place::new();
    fs::write(place.path(), "to be or not to be, ".repeat(500)).expect("there is room");
    assert_eq!(refused(&place).await.kind(), StoreErrorKind::Broken);
}

/// Copies the WAL into the database. Where the threads of a store close their connections at the
/// same moment, none of them may be the last to SQLite, and the WAL stays for the next one to open.
fn without_wal(place: &Place) {
    let connection = Connection::open(place.path()).expect("it is a database");
    let copied = "PRAGMA wal_checkpoint(TRUNCATE)";
    let busy = connection.query_row(copied, [], |row| row.get::<_, i64>(0));
    assert_eq!(busy.expect("it answers"), 0, "nobody else has it open");
}

#[tokio::test]
async fn a_file_that_was_cut_off_is_refused_or_fails_as_broken() {
    let place = Place::new();
    let store = place.open().await;
    for _ in 0..50 {
        insert(&store, job()).await;
    }
    let id = insert(&store, job()).await;
    drop(store);
    without_wal(&place);
    let file = fs::OpenOptions::new()
        .write(true)
        .open(place.path())
        .expect("it is there");
    let length = file.metadata().expect("it is there").len();
    file.set_len(length / 2).expect("it can be cut");
    drop(file);
    let err = match SqliteStore::open(place.path()).await {
        Err(err) => err,
        Ok(store) => match store.job(id).await {
            Err(err) => err,
            Ok(_) => store.counts().await.expect_err("half of it is gone"),
        },
    };
    assert_eq!(err.kind(), StoreErrorKind::Broken, "{err:?}");
}

#[tokio::test]
async fn a_damaged_page_is_told_as_broken() {
    let place = Place::new();
    let store = place.open().await;
    let id = insert(&store, job()).await;
    drop(store);
    without_wal(&place);
    let mut bytes = fs::read(place.path()).expect("it is there");
    // All pages behind the first, which holds the schema.
    bytes[4096..].fill(0xa5);
    fs::write(place.path(), bytes).expect("there is room");
    let err = match SqliteStore::open(place.path()).await {
        Err(err) => err,
        Ok(store) => store.job(id).await.expect_err("nothing is left"),
    };
    assert_eq!(err.kind(), StoreErrorKind::Broken, "{err:?}");
    for what in [
        "the file is damaged",
        "-wal and -shm",
        ".recover",
        "code 11",
    ] {
        assert!(err.to_string().contains(what), "{err}");
    }
}

#[tokio::test]
async fn a_database_in_memory_is_refused() {
    for name in [":memory:", ""] {
        let err = SqliteStore::open(name).await.expect_err("it is no file");
        assert_eq!(err.kind(), StoreErrorKind::Refused, "{err:?}");
    }
}

#[tokio::test]
async fn a_name_that_means_something_else_elsewhere_is_refused_and_leaves_nothing() {
    let before: Vec<_> = entries(Path::new("."));
    for name in [
        "file:x.db",
        "sqlite://x.db",
        "~/x.db",
        "x.db?mode=rwc",
        ":memory:",
    ] {
        let err = SqliteStore::open(name).await.expect_err("it is no name");
        assert!(
            err.kind() == StoreErrorKind::Refused && err.to_string().contains(name),
            "{err}"
        );
    }
    assert_eq!(entries(Path::new(".")), before);
}

fn entries(folder: &Path) -> Vec<std::ffi::OsString> {
    let entries = fs::read_dir(folder).expect("it is a folder");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("it is there").file_name())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_file_that_was_made_and_cannot_be_opened_is_not_left_behind() {
    let place = Place::new();
    let opened = SqliteStore::options().bytes_max(1).open(place.path()).await;
    assert_eq!(
        opened.expect_err("there is no room for its tables").kind(),
        StoreErrorKind::Full
    );
    assert_eq!(entries(place.directory.path()), [""; 0]);
    drop(place.open().await);
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_with_two_names_is_refused() {
    let place = Place::new();
    let store = place.open().await;
    insert(&store, job()).await;
    let other = place.directory.path().join("other.db");
    fs::hard_link(place.path(), &other).expect("it can be linked");
    let err = SqliteStore::open(&other)
        .await
        .expect_err("it would have another log");
    assert!(
        err.kind() == StoreErrorKind::Refused && err.to_string().contains("2 names"),
        "{err}"
    );
    let err = SqliteStore::version_of(&other).await;
    assert_eq!(err.expect_err("as above").kind(), StoreErrorKind::Refused);
    // Nothing tells what was written under the other name meanwhile.
    let err = store.insert(vec![job()]).await;
    let err = err.expect_err("it may be lost");
    assert!(
        err.kind() == StoreErrorKind::Broken && err.to_string().contains("2 names"),
        "{err}"
    );
    fs::remove_file(other).expect("it is there");
    insert(&place.open().await, job()).await;
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_refused() {
    let place = Place::new();
    let path = place.directory.path().join("nowhere").join("tasks.db");
    let err = SqliteStore::open(&path)
        .await
        .expect_err("there is no such directory");
    assert_eq!(err.kind(), StoreErrorKind::Refused, "{err:?}");
    assert!(err.to_string().contains("nowhere"), "{err}");
}

#[tokio::test]
async fn the_file_may_be_shared_with_tables_of_the_application() {
    let place = Place::new();
    let connection = Connection::open(place.path()).expect("there is room");
    let theirs = "CREATE TABLE orders (item TEXT); INSERT INTO orders VALUES ('tea');
        PRAGMA user_version = 42";
    connection.execute_batch(theirs).expect("it can be written");
    let store = place.open().await;
    let id = insert(&store, job()).await;
    assert!(store.job(id).await.expect("an answer").is_some());
    let version = connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i32>(0));
    assert_eq!(version.expect("an answer"), 42);
    let item = connection.query_row("SELECT item FROM orders", [], |row| row.get::<_, String>(0));
    assert_eq!(item.expect("an answer"), "tea");
    let ours = "SELECT count(*) FROM sqlite_schema
        WHERE tbl_name NOT LIKE 'marionette%' AND tbl_name <> 'orders'";
    let strangers = connection.query_row(ours, [], |row| row.get::<_, i32>(0));
    assert_eq!(strangers.expect("an answer"), 0, "all names begin alike");
}

#[tokio::test]
async fn what_the_application_adds_to_our_tables_works_if_it_is_trusted_and_is_refused_elsewhere() {
    for added in [
        "CREATE TRIGGER noted AFTER INSERT ON marionette_job
             BEGIN INSERT INTO notes SELECT new.id; END",
        "CREATE INDEX by_acceptance ON marionette_job (accepted)",
        "CREATE TABLE orders (job REFERENCES marionette_job (id) ON DELETE SET NULL)",
    ] {
        let place = Place::new();
        drop(place.open().await);
        let connection = Connection::open(place.path()).expect("it is a database");
        let notes = "CREATE TABLE notes (job)";
        connection.execute_batch(notes).expect("it can be written");
        connection.execute_batch(added).expect("it can be written");
        let err = refused(&place).await;
        assert_eq!(err.kind(), StoreErrorKind::Refused, "{err:?}");
        assert!(err.to_string().contains("trust_additions"), "{err}");
        let version = SqliteStore::version_of(place.path()).await;
        assert_eq!(version.expect("an answer"), Some(SqliteStore::VERSION));

        let options = SqliteStore::options().trust_additions();
        let store = options.open(place.path()).await;
        let store = store.expect("it is trusted");
        let id = insert(&store, job()).await;
        let noted = connection.query_row("SELECT count(*) FROM notes", [], |row| row.get(0));
        let is_trigger = added.contains("TRIGGER");
        assert_eq!(noted, Ok(i64::from(is_trigger)), "{added}");
        let ordered = "INSERT INTO orders SELECT id FROM marionette_job";
        if added.contains("orders") {
            connection
                .execute_batch(ordered)
                .expect("it can be written");
        }
        let deleted = store
            .delete(marionette::inspect::Which::Ids(vec![id]), by())
            .await;
        assert_eq!(deleted.expect("an answer"), 1);
        if added.contains("orders") {
            let job = connection.query_row("SELECT job FROM orders", [], |row| row.get(0));
            assert_eq!(job, Ok(None::<Vec<u8>>), "the key does what it says");
        }
    }
}

#[tokio::test]
async fn a_file_of_our_own_stays_ours_through_the_tools_of_sqlite() {
    let place = Place::new();
    let store = place.open().await;
    let id = insert(&store, job()).await;
    drop(store);
    let copy = place.directory.path().join("copy.db");
    let connection = Connection::open(place.path()).expect("it is a database");
    let into = "VACUUM INTO ?1";
    let copied = connection.execute(into, [copy.to_str().expect("a text")]);
    copied.expect("there is room");
    connection
        .execute_batch("ANALYZE; VACUUM; REINDEX")
        .expect("it can be written");
    drop(connection);
    for path in [&place.path(), &copy] {
        let store = SqliteStore::open(path).await.expect("it is ours");
        assert!(store.job(id).await.expect("an answer").is_some());
    }
}

#[tokio::test]
async fn ids_of_rows_may_be_beyond_31_bits() {
    let place = Place::new();
    let store = place.open().await;
    let first = insert(&store, job()).await;
    let connection = Connection::open(place.path()).expect("it is a database");
    connection
        .execute(
            "UPDATE marionette_job SET seq = ?1",
            [i64::from(i32::MAX) - 9],
        )
        .expect("it can be written");
    let mut ids = vec![first];
    for _ in 0..20 {
        ids.push(insert(&store, job()).await);
    }
    let instance = known_instance(&store).await;
    let claimed = common::claim(&store, &instance, 100).await;
    let got: Vec<_> = claimed.iter().map(|claimed| claimed.lease.job).collect();
    assert_eq!(got, ids);
    assert!(claimed[20].lease.row > i64::from(i32::MAX));
    for claimed in claimed {
        let settled = common::settle(&store, common::done(claimed.lease)).await;
        assert_eq!(settled, marionette::store::Settled::Applied);
    }
    assert_eq!(store.ended(ids).await.expect("an answer").len(), 21);
}

/// Long enough for the store to look for its file again.
#[cfg(unix)]
#[allow(clippy::disallowed_methods)] // The file and its thread live in real time.
async fn a_moment() {
    tokio::time::sleep(std::time::Duration::from_millis(25)).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_was_removed_or_replaced_accepts_nothing_any_more() {
    for replaced in [false, true] {
        let place = Place::new();
        let store = place.open().await;
        insert(&store, job()).await;
        let away = place.directory.path().join("away.db");
        fs::rename(place.path(), away).expect("it can be moved");
        if replaced {
            fs::write(place.path(), "").expect("it can be written");
        }
        a_moment().await;
        let error = store
            .insert(vec![job()])
            .await
            .expect_err("it would be lost");
        assert_eq!(error.kind(), StoreErrorKind::Broken, "{error}");
        let text = if replaced {
            "another file was put"
        } else {
            "the file is gone"
        };
        assert!(error.to_string().contains(text), "{error}");
        let error = store.counts().await.expect_err("it would be wrong");
        assert!(error.to_string().contains(text), "{error}");
        // Nothing mends that: what SQLite had open may be behind what is there now.
        let error = store.insert(vec![job()]).await.expect_err("it is broken");
        assert_eq!(error.kind(), StoreErrorKind::Broken, "{error}");
    }
}
