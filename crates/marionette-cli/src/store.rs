//! The store that the options name, and what lies beside it.

use std::error::Error;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use marionette::TaskId;
use marionette::store::StoreError;
use marionette_sqlite::SqliteStore;
use rustix::fs::Access;

use crate::location;
use crate::text::safe;

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

    /// Whether a worker can do its own work beside the store: all of it is tried once.
    pub(crate) fn check(&self) -> Result<()> {
        for path in [self.path.clone(), beside(&self.path, "-wal")] {
            let may = Access::READ_OK | Access::WRITE_OK;
            if path.exists() && rustix::fs::access(&path, may).is_err() {
                bail!("cannot write {}{}", shown(&path), owner(&path));
            }
        }
        let workers = beside(&self.path, "-workers");
        for folder in [workers, self.minders(), self.outputs(), self.runs()] {
            let (what, of, tried) = match DirBuilder::new().mode(0o700).create(&folder) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                    ("the folder", self.folder(), Err(error))
                }
                _ => ("a file in", folder.as_path(), try_folder(&folder)),
            };
            match tried {
                Ok(()) => {}
                // That passes, and is told elsewhere.
                Err(error) if is_no_room(&error) => {}
                Err(error) => {
                    let (folder, why) = (shown(&folder), error.kind());
                    bail!("cannot make {what} {folder}: {why}{}", owner(of));
                }
            }
        }
        Ok(())
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

/// Opens the store, and makes it if there is none. Of one that cannot be opened nothing is left.
pub(crate) async fn open_or_make(location: Option<&OsString>) -> Result<Opened> {
    let path = path(location)?;
    if path.exists() {
        // An empty file has no owner whose tables could be in it.
        let is_empty = fs::metadata(&path).is_ok_and(|file| file.is_file() && file.len() == 0);
        if !is_empty {
            is_ours(&path).await?;
        }
        return open(path).await;
    }
    let made = Made::new(&path)?;
    let opened = open(path).await;
    if opened.is_err() {
        made.undo();
    }
    opened
}

/// Opens a store that is there. A database that is somebody else's is not given our tables.
pub(crate) async fn open_existing(location: Option<&OsString>) -> Result<Opened> {
    let path = path(location)?;
    is_ours(&path).await?;
    open(path).await
}

/// Opens a file that is there, and gives it our tables if it has none.
pub(crate) async fn open_any(path: PathBuf) -> Result<Opened> {
    exists(&path)?;
    open(path).await
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

/// Whether the file has our tables; what it is, if not.
async fn is_ours(path: &Path) -> Result<()> {
    exists(path)?;
    if version(path).await?.is_none() {
        bail!(
            "{0} is a database without tasks; name another with --store, or make it a store with \
             `marionette migrate --store sqlite:{0}`",
            shown(path)
        );
    }
    Ok(())
}

/// The version of the tables in a file that is there.
pub(crate) async fn version(path: &Path) -> Result<Option<u32>> {
    if path.is_dir() {
        bail!("{} is a directory; name a file with --store", shown(path));
    }
    let version = SqliteStore::version_of(path).await;
    version.map_err(told).with_context(|| unusable(path))
}

async fn open(path: PathBuf) -> Result<Opened> {
    let store = SqliteStore::open(&path).await.map_err(told);
    let store = store.with_context(|| unusable(&path))?;
    // Its neighbours are the same from every folder and through every link.
    let path = path.canonicalize().unwrap_or(path);
    Ok(Opened { store, path })
}

/// What is said before what went wrong; and if it is a matter of permissions, what it takes.
fn unusable(path: &Path) -> String {
    let both = Access::READ_OK | Access::WRITE_OK;
    let may = |path: &Path| rustix::fs::access(path, both).is_ok();
    let hint = match (may(path), may(folder(path).unwrap_or(Path::new(".")))) {
        (true, true) => "",
        (false, _) => " (you may not read and write the file; it takes both, even to look)",
        (true, false) => " (you may not write in its folder; it takes that, even to look)",
    };
    format!("cannot use the store {}{hint}", shown(path))
}

/// The folder of a file, unless it is the current one.
fn folder(path: &Path) -> Option<&Path> {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
}

fn shown(path: &Path) -> String {
    safe(&path.display().to_string())
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

/// The file of the store that is named.
pub(crate) fn path(location: Option<&OsString>) -> Result<PathBuf> {
    location::path(location.map(OsString::as_os_str))
}

/// What was made for a new store, in the order in which it can be taken away again.
#[derive(Debug)]
struct Made {
    file: Option<PathBuf>,
    /// The deepest first.
    folders: Vec<PathBuf>,
}

impl Made {
    /// Makes the file, so that it is readable by its owner alone from its first moment. The folder
    /// is made as well, if it is missing.
    fn new(path: &Path) -> Result<Self> {
        let missing = path.ancestors().skip(1);
        let missing = missing.take_while(|folder| {
            !folder.as_os_str().is_empty() && fs::symlink_metadata(folder).is_err()
        });
        let mut made = Self {
            file: None,
            folders: missing.map(Path::to_owned).collect(),
        };
        let done = made.make(path);
        if done.is_err() {
            made.undo();
        }
        done.map(|()| made)
    }

    fn make(&mut self, path: &Path) -> Result<()> {
        if let Some(folder) = folder(path) {
            make_folder(folder)?;
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        match file {
            Ok(_) => self.file = Some(path.to_owned()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot make the store {}", shown(path)));
            }
        }
        Ok(())
    }

    /// Takes it away again, if nothing is in it.
    fn undo(&self) {
        if let Some(file) = &self.file
            && fs::metadata(file).is_ok_and(|file| file.len() == 0)
        {
            let _ = fs::remove_file(file);
        }
        for folder in &self.folders {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Makes a file in a folder, and removes it.
fn try_folder(folder: &Path) -> std::io::Result<()> {
    let path = folder.join(format!(".probe-{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(&path)?;
    // Somebody who tidies up may have been faster.
    let _ = fs::remove_file(&path);
    Ok(())
}

fn is_no_room(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

/// Whose a file or a folder is, if it is somebody else's: then that is why.
fn owner(path: &Path) -> String {
    let owner = fs::metadata(path).map(|metadata| metadata.uid());
    let ours = rustix::process::geteuid().as_raw();
    match owner {
        Ok(owner) if owner != ours => {
            let name = user_name(owner).unwrap_or_else(|| format!("user {owner}"));
            format!(" (it belongs to {name})")
        }
        _ => String::new(),
    }
}

/// The name of a user, if the system has one in its own list.
pub(crate) fn user_name(id: u32) -> Option<String> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    })
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
