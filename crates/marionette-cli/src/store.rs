//! The store that the options name, and what lies beside it.

use std::error::Error;
use std::fs::{DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result, anyhow, bail};
use marionette::TaskId;
use marionette::store::StoreError;
use marionette_sqlite::SqliteStore;

use crate::args::Location;

/// With less than this the disk counts as full: SQLite writes whole pages, and several at once.
const ROOM: u64 = 256 * 1024;

/// A store that is open, and the files beside it.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) store: SqliteStore,
    path: PathBuf,
}

impl Opened {
    /// Where the output of a job's attempts is kept.
    pub(crate) fn output(&self, job: TaskId) -> PathBuf {
        self.outputs().join(job.to_string())
    }

    /// Where the output of all jobs is kept.
    pub(crate) fn outputs(&self) -> PathBuf {
        beside(&self.path, "-output")
    }

    /// Where it is seen which minders of commands are there.
    pub(crate) fn minders(&self) -> PathBuf {
        beside(&self.path, "-minders")
    }

    /// Where it is written how far which file has come.
    pub(crate) fn runs(&self) -> PathBuf {
        beside(&self.path, "-runs")
    }

    /// Whether the disk on which it is has no room. A quota is not seen.
    pub(crate) fn is_on_full_disk(&self) -> bool {
        let disk = rustix::fs::statvfs(self.folder());
        disk.is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < ROOM)
    }

    /// The folder in which all of it is.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }
}

/// Opens the store, and makes it if there is none.
pub(crate) async fn open_or_make(location: Option<&Location>) -> Result<Opened> {
    let path = path(location)?;
    make(&path)?;
    open(path).await
}

/// Opens a store that is there.
#[allow(dead_code)] // For the operator's commands, which are not here yet.
pub(crate) async fn open_existing(location: Option<&Location>) -> Result<Opened> {
    let path = path(location)?;
    match fs::metadata(&path) {
        Ok(_) => open(path).await,
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "there is no store {}; name one with --store, or add something first",
            path.display()
        ),
        Err(error) => Err(error).with_context(|| format!("cannot open {}", path.display())),
    }
}

async fn open(path: PathBuf) -> Result<Opened> {
    let store = SqliteStore::open(&path).await.map_err(told)?;
    // Its neighbours are the same from every folder and through every link.
    let path = path.canonicalize().unwrap_or(path);
    Ok(Opened { store, path })
}

/// An error of the store with its sources in one line. What a source says that stands there already
/// is not said again.
#[allow(clippy::needless_pass_by_value)] // So it stands in `map_err` as it is.
pub(crate) fn told(error: StoreError) -> anyhow::Error {
    let is_full = error.is_full();
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        let core = text.rsplit(": ").next().unwrap_or(&text);
        if !told.contains(core) {
            told = format!("{told}: {text}");
        }
        source = error.source();
    }
    if is_full {
        return anyhow!("the disk is full: {told}; make room on it and try again");
    }
    anyhow!(told)
}

pub(crate) fn path(location: Option<&Location>) -> Result<PathBuf> {
    match location {
        Some(Location::Sqlite(path)) => Ok(path.clone()),
        None => {
            let state = folder("XDG_STATE_HOME")
                .or_else(|| Some(folder("HOME")?.join(".local/state")))
                .context("neither XDG_STATE_HOME nor HOME is set; name a store with --store")?;
            Ok(state.join("marionette/tasks.db"))
        }
    }
}

/// A folder that the environment names; a relative one counts as not named, as the XDG rules say.
fn folder(variable: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os(variable)?);
    path.is_absolute().then_some(path)
}

/// Makes the file, so that it is readable by its owner alone from its first moment. The folder is
/// made as well, if it is missing.
fn make(path: &Path) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        make_folder(folder)?;
    }
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(error).with_context(|| format!("cannot make the store {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Makes a folder that is for its owner alone, if it is missing.
pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("cannot make the folder {}", folder.display()))
}

fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(what);
    name.into()
}
