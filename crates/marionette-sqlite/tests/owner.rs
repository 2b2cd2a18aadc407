//! A store that somebody else can change is refused, if that is asked for; a link or a pipe in the
//! place of a file that SQLite needs always is.

#![cfg(unix)]

use std::error::Error;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use marionette::store::{StoreError, StoreErrorKind};
use marionette_sqlite::SqliteStore;

/// Nobody here.
const STRANGER: u32 = 71_001;

/// A folder of this user alone, and the store in it.
fn shop() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tasks.db");
    (folder, path)
}

async fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::options().check_owner(true).open(path).await
}

async fn is_made(path: &Path) {
    drop(open(path).await.expect("it is ours"));
}

fn mode(path: &Path, bits: u32) {
    fs::set_permissions(path, Permissions::from_mode(bits)).expect("it is ours");
}

/// Whether what was refused is a matter of trust.
fn kind(err: &StoreError) -> ErrorKind {
    let source = err.source().expect("it has one");
    let source: &io::Error = source.downcast_ref().expect("it is of the system");
    source.kind()
}

/// That it is refused for this reason, also before anything is opened.
async fn is_refused(path: &Path, expected: ErrorKind, what: &[&str]) {
    let looked = SqliteStore::check_owner(path, &["-mine"]).expect_err("it is not safe");
    let opened = open(path).await.expect_err("it is not safe");
    let version = SqliteStore::options().check_owner(true);
    let asked = version.version_of(path).await.expect_err("it is not safe");
    for err in [looked, opened, asked] {
        assert_eq!(err.kind(), StoreErrorKind::Refused, "{err}");
        assert_eq!(kind(&err), expected, "{err}");
        for what in what {
            assert!(err.to_string().contains(what), "{what}: {err}");
        }
    }
}

#[tokio::test]
async fn a_store_of_ones_own_is_opened_wherever_it_is() {
    let (folder, path) = shop();
    is_made(&path).await;
    is_made(&path).await;
    let link = folder.path().join("link.db");
    symlink(
        "./../".to_owned() + &folder.path().file_name().unwrap().to_string_lossy() + "/tasks.db",
        &link,
    )
    .unwrap();
    is_made(&link).await;
    mode(folder.path(), 0o1777);
    is_made(&path).await;
    is_made(&folder.path().join("new.db")).await;
    assert!(SqliteStore::check_owner(folder.path().join("not/yet/there.db"), &[]).is_ok());
}

#[tokio::test]
async fn what_everybody_may_write_is_refused_only_if_that_is_asked_for() {
    let (folder, path) = shop();
    is_made(&path).await;
    mode(&path, 0o666);
    is_refused(
        &path,
        ErrorKind::PermissionDenied,
        &["tasks.db", "everybody", "0666"],
    )
    .await;
    drop(SqliteStore::open(&path).await.expect("nobody asked"));
    mode(&path, 0o600);
    mode(folder.path(), 0o777);
    is_refused(
        &path,
        ErrorKind::PermissionDenied,
        &["this folder", "everybody", "0777"],
    )
    .await;
    mode(folder.path(), 0o700);
    fs::create_dir_all(folder.path().join("tasks.db-workers")).unwrap();
    mode(&folder.path().join("tasks.db-workers"), 0o777);
    is_refused(
        &path,
        ErrorKind::PermissionDenied,
        &["-workers", "everybody"],
    )
    .await;
    mode(&folder.path().join("tasks.db-workers"), 0o700);
    is_made(&path).await;
}

#[tokio::test]
async fn what_an_application_keeps_beside_it_is_looked_at_when_it_is_named() {
    let (folder, path) = shop();
    is_made(&path).await;
    let mine = folder.path().join("tasks.db-mine");
    fs::create_dir(&mine).unwrap();
    mode(&mine, 0o702);
    let err = SqliteStore::check_owner(&path, &["-mine"]).expect_err("it is not safe");
    assert!(err.to_string().contains("-mine"), "{err}");
    SqliteStore::check_owner(&path, &[]).expect("it is not asked for");
}

#[tokio::test]
async fn links_pipes_and_folders_in_the_place_of_what_sqlite_keeps_are_refused_by_all() {
    for ending in ["-wal", "-shm", "-journal"] {
        for what in ["a symbolic link", "a named pipe", "a folder", "a socket"] {
            let (folder, path) = shop();
            is_made(&path).await;
            let planted = folder.path().join(format!("tasks.db{ending}"));
            let victim = folder.path().join("victim");
            fs::write(&victim, "precious").unwrap();
            match what {
                "a symbolic link" => symlink(&victim, &planted).unwrap(),
                "a named pipe" => {
                    let made = Command::new("mkfifo").arg(&planted).status();
                    assert!(made.expect("there is mkfifo").success());
                }
                "a folder" => fs::create_dir(&planted).unwrap(),
                _ => drop(std::os::unix::net::UnixListener::bind(&planted).unwrap()),
            }
            is_refused(&path, ErrorKind::InvalidInput, &[ending, what]).await;
            let err = SqliteStore::open(&path).await.expect_err("nobody can");
            assert!(
                err.kind() == StoreErrorKind::Refused && err.to_string().contains(what),
                "{err}"
            );
            let err = SqliteStore::version_of(&path)
                .await
                .expect_err("nobody can");
            assert!(
                err.kind() == StoreErrorKind::Refused && err.to_string().contains(what),
                "{err}"
            );
            assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        }
    }
}

#[tokio::test]
async fn a_pipe_in_the_place_of_the_store_is_not_waited_for() {
    let (_folder, path) = shop();
    let made = Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("there is mkfifo").success());
    for err in [
        SqliteStore::open(&path).await.expect_err("it is no file"),
        open(&path).await.expect_err("it is no file"),
        SqliteStore::version_of(&path)
            .await
            .expect_err("it is none"),
    ] {
        assert!(err.to_string().contains("a named pipe"), "{err}");
    }
}

#[tokio::test]
async fn a_store_of_somebody_else_is_refused_with_the_name_of_the_owner() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: only root can be two users");
        return;
    }
    let his = [&*format!("user {STRANGER}")];
    for what in ["", "-wal", "-shm", "-journal", "-workers"] {
        let (folder, path) = shop();
        is_made(&path).await;
        let planted = folder.path().join(format!("tasks.db{what}"));
        match what {
            "-workers" => fs::create_dir_all(&planted).unwrap(),
            "" => {}
            _ => fs::write(&planted, "").unwrap(),
        }
        chown(&planted, Some(STRANGER), Some(STRANGER)).unwrap();
        is_refused(&path, ErrorKind::PermissionDenied, &his).await;
        drop(SqliteStore::open(&path).await.expect("nobody asked"));
    }
    let (folder, path) = shop();
    is_made(&path).await;
    chown(folder.path(), Some(STRANGER), None).unwrap();
    is_refused(&path, ErrorKind::PermissionDenied, &["the folder", his[0]]).await;
    chown(folder.path(), Some(0), None).unwrap();
    let link = folder.path().join("link.db");
    symlink(&path, &link).unwrap();
    is_made(&link).await;
    lchown(&link, Some(STRANGER), None).unwrap();
    is_refused(&link, ErrorKind::PermissionDenied, &["link.db", his[0]]).await;
    chown(folder.path(), None, Some(STRANGER)).unwrap();
    mode(folder.path(), 0o2775);
    is_refused(
        &path,
        ErrorKind::PermissionDenied,
        &["the group 71001", "2775"],
    )
    .await;
}

#[tokio::test]
async fn in_a_folder_for_all_the_names_that_sqlite_uses_are_taken_first() {
    let (folder, path) = shop();
    is_made(&path).await;
    mode(folder.path(), 0o1777);
    let store = open(&path).await.expect("it is ours");
    // An empty one is none to SQLite, and nobody else can put another in its place.
    let journal = folder.path().join("tasks.db-journal");
    assert_eq!(fs::metadata(&journal).expect("it is there").len(), 0);
    drop(store);
    is_made(&path).await;
    drop(SqliteStore::open(&path).await.expect("it is a sound store"));
}
