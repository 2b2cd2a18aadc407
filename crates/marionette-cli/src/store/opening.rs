//! Opens, makes and migrates a store.

use std::fs::{self};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use marionette_sqlite::SqliteStore;
use rustix::fs::{Mode, OFlags};
use tokio::time::sleep;

use super::backend::Backend;
use super::error::explain;
use super::location::{self, Location};
use super::new_store::NewStore;
use super::opened::Opened;
use super::paths::{beside, hint, shown};
use super::server::connect;
use super::trust::{Purpose, check_owner};
use crate::common::Common;
use crate::files::Whose;
use crate::process::lack;

/// Opens the store, and makes it if there is none. If a new one cannot be opened, nothing of it
/// stays.
pub(crate) async fn open_or_make(common: &Common) -> Result<Opened> {
    let path = match location(common)? {
        Location::File(path) => path,
        Location::Redis(address) => return connect(common, address).await,
    };
    let whose = check_owner(common, &path, Purpose::Change)?;
    if path.exists() {
        is_ours_or_empty(common, &path, whose).await?;
        return open(common, path, whose).await;
    }
    let made = NewStore::new(&path)?;
    let opened = open(common, path, whose).await;
    if opened.is_err() {
        made.undo();
    }
    opened
}

/// Checks that the file has our tables, or none: a file without any belongs to no other program,
/// and may be left from a process that was killed.
async fn is_ours_or_empty(common: &Common, path: &Path, whose: Whose) -> Result<()> {
    const PAUSE: Duration = Duration::from_millis(20);
    /// As long as SQLite waits for others.
    const TRIES: u32 = 250;
    for _ in 0..TRIES {
        if !lists_no_tables(path).unwrap_or(false) {
            break;
        }
        let log = fs::metadata(beside(path, "-wal"));
        if !log.is_ok_and(|log| log.len() > 0) {
            return Ok(());
        }
        // The tables may be in the log, or another process is writing them there just now. What a
        // killed one has not finished is removed by whoever asks.
        if version(common, path, whose).await?.is_some() {
            return Ok(());
        }
        sleep(PAUSE).await;
    }
    is_ours(common, path, whose).await
}

/// Whether a file, without its log, has no tables: it is empty, or is a database of one page that
/// lists none.
fn lists_no_tables(path: &Path) -> io::Result<bool> {
    const PAGE_SIZE: usize = 16;
    const TABLES: usize = 100;
    const LEAF: u8 = 13;
    let found = fs::metadata(path)?;
    if found.len() == 0 {
        return Ok(found.is_file());
    }
    let mut page = [0; TABLES + 5];
    let flags = OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, OFlags::RDONLY | flags, Mode::empty())?;
    io::Read::read_exact(&mut fs::File::from(file), &mut page)?;
    let size = u16::from_be_bytes([page[PAGE_SIZE], page[PAGE_SIZE + 1]]);
    Ok(page.starts_with(b"SQLite format 3\0")
        && found.len() == u64::from(size)
        && page[TABLES] == LEAF
        && page[TABLES + 3..] == [0, 0])
}

/// Opens an existing store. A database of another program does not get our tables.
pub(crate) async fn open_existing(common: &Common, purpose: Purpose) -> Result<Opened> {
    let path = match location(common)? {
        Location::File(path) => path,
        Location::Redis(address) => return connect(common, address).await,
    };
    exists(&path)?;
    let whose = check_owner(common, &path, purpose)?;
    is_ours(common, &path, whose).await?;
    open(common, path, whose).await
}

/// Opens an existing file, and gives it our tables if it has none; returns the version that it had.
pub(crate) async fn migrate(common: &Common, path: &Path) -> Result<Option<u32>> {
    exists(path)?;
    let whose = check_owner(common, path, Purpose::Change)?;
    let from = version(common, path, whose).await?;
    // Opening the file migrates it.
    open(common, path.to_owned(), whose).await?;
    Ok(from)
}

fn exists(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "there is no store {}; name one with --store, or add something first",
            shown(path)
        ),
        Err(error) => Err(error).with_context(|| format!("cannot open {}", shown(path))),
    }
}

/// Checks that the file has our tables, and says what it is if not.
async fn is_ours(common: &Common, path: &Path, whose: Whose) -> Result<()> {
    exists(path)?;
    if version(common, path, whose).await?.is_none() {
        bail!(
            "{0} is a database without tasks; name another with --store, or make it a store with \
             `marionette migrate --store sqlite:{0}`",
            shown(path)
        );
    }
    Ok(())
}

/// The version of our tables in an existing file.
async fn version(common: &Common, path: &Path, whose: Whose) -> Result<Option<u32>> {
    let version = options(common, whose).version_of(path).await;
    version.map_err(explain).with_context(|| unusable(path))
}

async fn open(common: &Common, path: PathBuf, whose: Whose) -> Result<Opened> {
    let store = options(common, whose).open(&path).await.map_err(explain);
    let store = store.with_context(|| unusable(&path))?;
    // The canonical path makes the files beside the store the same from every folder and through
    // every link.
    let path = path.canonicalize().unwrap_or(path);
    let location = Location::File(path.clone());
    Ok(Opened::new(Backend::Sqlite(store), location, path, whose))
}

fn options(common: &Common, whose: Whose) -> marionette_sqlite::SqliteOptions {
    let options = SqliteStore::options().check_owner(whose == Whose::Ours);
    if common.trust_additions {
        options.trust_additions()
    } else {
        options
    }
}

/// The start of an error about the store, with a hint about permissions or limits if they may be
/// the cause.
fn unusable(path: &Path) -> String {
    let hint = match hint(path) {
        "" => lack::low().map_or(String::new(), |low| format!(" ({low})")),
        hint => hint.to_owned(),
    };
    format!("cannot use the store {}{hint}", shown(path))
}

/// The store that the options name.
pub(crate) fn location(common: &Common) -> Result<Location> {
    location::of(common.store.as_deref())
}
