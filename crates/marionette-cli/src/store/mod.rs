//! The store that the options name, and what lies beside it.

pub(crate) mod location;

use std::error::Error;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use marionette::store::StoreError;
use marionette_sqlite::SqliteStore;
use rustix::fs::{Access, Mode, OFlags};

use crate::common::Common;
use crate::console::Say;
use crate::console::text::{self, safe};
use crate::files::{self, Place, Whose};
use crate::process::lack;

/// With less than this the disk counts as full: SQLite writes whole pages, and several at once.
const ROOM: u64 = 256 * 1024;
/// A longer error is shortened in its middle. What SQLite quotes in one can be as long as the file.
const TOLD_BYTES_MAX: usize = 4 * 1024;

/// What the command keeps beside a store, besides what the store keeps there itself.
const FOLDERS: [&str; 3] = ["-output", "-minders", "-runs"];
/// What can be done about a store that is not this user's.
const TRUST: &str = "; whoever can change that can have commands run as you: name another store, \
                     or trust them with --trust-owner";

/// A store that is open, and the files beside it.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) store: SqliteStore,
    path: PathBuf,
    whose: Whose,
}

/// What a store is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Something in it or beside it will change, or be run.
    Change,
    /// It is only looked at.
    Look,
}

impl Opened {
    /// Where the output of all jobs is kept.
    pub(crate) fn outputs(&self) -> Place {
        self.beside("-output")
    }

    /// Where it is seen which minders of commands are there.
    pub(crate) fn minders(&self) -> Place {
        self.beside("-minders")
    }

    /// Where it is written how far which file has come.
    pub(crate) fn runs(&self) -> Place {
        self.beside("-runs")
    }

    fn beside(&self, what: &str) -> Place {
        Place::new(beside(&self.path, what), self.whose)
    }

    /// Whether a worker can do its own work beside the store: all of it is tried once.
    pub(crate) fn check(&self, say: &Say) -> Result<()> {
        for path in [self.path.clone(), beside(&self.path, "-wal")] {
            let may = Access::READ_OK | Access::WRITE_OK;
            if path.exists() && rustix::fs::access(&path, may).is_err() {
                bail!("cannot write {}{}", shown(&path), owner(&path));
            }
        }
        let workers = self.beside("-workers");
        for place in [workers, self.minders(), self.outputs(), self.runs()] {
            let path = place.path();
            let (what, of, tried) = match place.make() {
                Err(error) if path.is_dir() => ("a file in", path.as_path(), Err(error)),
                Err(error) => ("the folder", self.folder(), Err(error)),
                Ok(folder) => ("a file in", path.as_path(), folder.probe()),
            };
            match tried {
                Ok(()) => {}
                // That passes, and is told elsewhere.
                Err(error) if is_no_room(&error) => {}
                // It says itself what it refuses, and why.
                Err(error) if error.get_ref().is_some() => bail!("{}", safe(&error.to_string())),
                Err(error) => {
                    let why = lack::of(&error).unwrap_or_else(|| error.kind().to_string());
                    let folder = shown(&path);
                    bail!("cannot make {what} {folder}: {why}{}", owner(of));
                }
            }
        }
        if let Some(bits) = self.read_by_others() {
            say.note(&format!(
                "everybody can read the store {0}, and with it all commands (mode {bits:04o}): \
                 `chmod go= {0}` while nothing has it open",
                shown(&self.path)
            ));
        }
        Ok(())
    }

    /// The mode of a store that everybody can read. One that this program has made is never so.
    fn read_by_others(&self) -> Option<u32> {
        const READ: u32 = 0o004;
        const ENTER: u32 = 0o001;
        let bits = |path: &Path| fs::metadata(path).map_or(0, |found| found.mode() & 0o7777);
        let (file, folder) = (bits(&self.path), bits(self.folder()));
        (file & READ != 0 && folder & ENTER != 0).then_some(file)
    }

    /// Whether the disk on which it is has no room. A quota is not seen.
    pub(crate) fn is_on_full_disk(&self) -> bool {
        let disk = rustix::fs::statvfs(self.folder());
        disk.is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < ROOM)
    }

    /// That one of its files may not become larger, if it is so.
    pub(crate) fn grown(&self) -> Option<String> {
        let files = ["", "-wal", "-shm"].map(|what| beside(&self.path, what));
        lack::grown_files(files)
    }

    /// The folder in which all of it is.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }
}

/// Opens the store, and makes it if there is none. Of one that cannot be opened nothing is left.
pub(crate) async fn open_or_make(common: &Common) -> Result<Opened> {
    let path = path(common)?;
    let whose = check_owner(common, &path, Purpose::Change)?;
    if path.exists() {
        // Nobody's tables are in an empty one, also where whoever made it was killed.
        if !is_empty(&path).unwrap_or(false) {
            is_ours(common, &path, whose).await?;
        }
        return open(common, path, whose).await;
    }
    let made = Made::new(&path)?;
    let opened = open(common, path, whose).await;
    if opened.is_err() {
        made.undo();
    }
    opened
}

/// Whether a file has no tables: it is empty, or has the first page of a database and no more, on
/// which nothing is listed.
fn is_empty(path: &Path) -> io::Result<bool> {
    const PAGE_SIZE: usize = 16;
    const TABLES: usize = 100;
    const LEAF: u8 = 13;
    let bytes = |path: &Path| fs::metadata(path).map(|file| file.len());
    let length = bytes(path)?;
    if length == 0 {
        return Ok(fs::metadata(path)?.is_file());
    }
    // Tables may still be in the log.
    if bytes(&beside(path, "-wal")).unwrap_or(0) > 0 {
        return Ok(false);
    }
    let mut page = [0; TABLES + 5];
    let flags = OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, OFlags::RDONLY | flags, Mode::empty())?;
    io::Read::read_exact(&mut fs::File::from(file), &mut page)?;
    let size = u16::from_be_bytes([page[PAGE_SIZE], page[PAGE_SIZE + 1]]);
    Ok(page.starts_with(b"SQLite format 3\0")
        && length == u64::from(size)
        && page[TABLES] == LEAF
        && page[TABLES + 3..] == [0, 0])
}

/// Opens a store that is there. A database that is somebody else's is not given our tables.
pub(crate) async fn open_existing(common: &Common, purpose: Purpose) -> Result<Opened> {
    let path = path(common)?;
    exists(&path)?;
    let whose = check_owner(common, &path, purpose)?;
    is_ours(common, &path, whose).await?;
    open(common, path, whose).await
}

/// Opens a file that is there, and gives it our tables if it has none; says which version it had.
pub(crate) async fn migrate(common: &Common, path: &Path) -> Result<Option<u32>> {
    exists(path)?;
    let whose = check_owner(common, path, Purpose::Change)?;
    let from = version(common, path, whose).await?;
    // Opening it is what brings it there.
    open(common, path.to_owned(), whose).await?;
    Ok(from)
}

/// Whose files may be worked with in this store. Whoever can write one of them decides what is run
/// from it, so one that is not this user's is refused; who only looks is warned.
pub(crate) fn check_owner(common: &Common, path: &Path, purpose: Purpose) -> Result<Whose> {
    if common.trust_owner {
        ensure!(
            !path.is_dir(),
            "{} is a directory; name a file with --store",
            shown(path)
        );
        return Ok(Whose::Anybodys);
    }
    let Err(error) = SqliteStore::check_owner(path, &FOLDERS) else {
        return Ok(Whose::Ours);
    };
    let way_out = if is_of_trust(&error) { TRUST } else { "" };
    if path.is_dir() && !is_of_trust(&error) {
        bail!("{} is a directory; name a file with --store", shown(path));
    }
    let what = safe(&told(error).to_string());
    let hint = hint(path);
    if !hint.is_empty() {
        bail!(
            "cannot use the store {}{hint}: {what}{way_out}",
            shown(path)
        );
    }
    if purpose == Purpose::Change {
        bail!("cannot use the store: {what}{way_out}");
    }
    refuse_foreign_logs(path)?;
    Say::new(common).warn(&format!("others can change what is shown here: {what}"));
    Ok(Whose::Anybodys)
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

/// The version of the tables in a file that is there.
async fn version(common: &Common, path: &Path, whose: Whose) -> Result<Option<u32>> {
    let version = options(common, whose).version_of(path).await;
    version.map_err(told).with_context(|| unusable(path))
}

async fn open(common: &Common, path: PathBuf, whose: Whose) -> Result<Opened> {
    let store = options(common, whose).open(&path).await.map_err(told);
    let store = store.with_context(|| unusable(&path))?;
    // Its neighbours are the same from every folder and through every link.
    let path = path.canonicalize().unwrap_or(path);
    Ok(Opened { store, path, whose })
}

/// Whether somebody who is trusted may have done that.
fn is_of_trust(error: &StoreError) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref());
    source.is_some_and(|source: &io::Error| source.kind() == ErrorKind::PermissionDenied)
}

/// Also who only looks writes a log or a journal back into its store, and so must not do that with
/// one that neither the owner of the store has made, nor this user, nor root.
fn refuse_foreign_logs(path: &Path) -> Result<()> {
    let Ok(store) = fs::metadata(path) else {
        return Ok(());
    };
    let known = [store.uid(), rustix::process::geteuid().as_raw(), 0];
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    for ending in ["-journal", "-wal", "-shm"] {
        let path = beside(&path, ending);
        if let Ok(found) = fs::symlink_metadata(&path)
            && !known.contains(&found.uid())
        {
            bail!(
                "cannot look at the store: {}: it is not its owner's{}, and would be written into \
                 it{TRUST}",
                shown(&path),
                owner(&path)
            );
        }
    }
    Ok(())
}

fn options(common: &Common, whose: Whose) -> marionette_sqlite::Options {
    let options = SqliteStore::options().check_owner(whose == Whose::Ours);
    if common.trust_additions {
        options.trust_additions()
    } else {
        options
    }
}

/// What is said before what went wrong; and if it is a matter of permissions, what it takes.
fn unusable(path: &Path) -> String {
    let hint = match hint(path) {
        "" => lack::low().map_or(String::new(), |low| format!(" ({low})")),
        hint => hint.to_owned(),
    };
    format!("cannot use the store {}{hint}", shown(path))
}

/// What it takes to use a store that is there, if this user may not do that.
fn hint(path: &Path) -> &'static str {
    if !path.exists() {
        return "";
    }
    let both = Access::READ_OK | Access::WRITE_OK;
    let may = |path: &Path| rustix::fs::access(path, both).is_ok();
    match (may(path), may(folder(path).unwrap_or(Path::new(".")))) {
        (true, true) => "",
        (false, _) => " (you may not read and write the file; it takes both, even to look)",
        (true, false) => " (you may not write in its folder; it takes that, even to look)",
    }
}

/// The folder of a file, unless it is the current one.
fn folder(path: &Path) -> Option<&Path> {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
}

fn shown(path: &Path) -> String {
    text::path(path)
}

/// An error of the store with its sources in one line: SQLite quotes what is in the file. What a
/// source says that stands there already is not said again.
#[allow(clippy::needless_pass_by_value)] // So it stands in `map_err` as it is.
pub(crate) fn told(error: StoreError) -> anyhow::Error {
    let is_full = error.is_full();
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let lack = error.downcast_ref().and_then(lack::of);
        let text = lack.unwrap_or_else(|| error.to_string());
        let core = text.rsplit(": ").next().unwrap_or(&text);
        if !told.contains(core) {
            told = format!("{told}: {text}");
        }
        source = error.source();
    }
    let told = safe(&text::shorten(&told, TOLD_BYTES_MAX, TOLD_BYTES_MAX / 2));
    if is_full && told.contains(lack::BY_FILE_SIZE) {
        return anyhow!("{told}; allow larger files and try again");
    }
    if is_full {
        return anyhow!("the disk is full: {told}; make room on it and try again");
    }
    anyhow!(told)
}

/// The file of the store that is named.
pub(crate) fn path(common: &Common) -> Result<PathBuf> {
    location::path(common.store.as_deref())
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
        for folder in self.folders.iter().rev() {
            make_folder(folder)?;
        }
        if let Some(folder) = folder(path) {
            make_folder(folder)?;
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        match file {
            Ok(_) => {
                self.file = Some(path.to_owned());
                files::mend_new(path, 0o600)?;
            }
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
        let is_empty =
            |path: &Path| fs::symlink_metadata(path).is_ok_and(|it| it.is_file() && it.len() == 0);
        if let Some(file) = self.file.as_deref().filter(|file| is_empty(file)) {
            let _ = fs::remove_file(file);
            // In a folder for all their names were taken first.
            for ending in ["-journal", "-wal", "-shm"] {
                let path = beside(file, ending);
                if is_empty(&path) {
                    let _ = fs::remove_file(path);
                }
            }
        }
        for folder in &self.folders {
            let _ = fs::remove_dir(folder);
        }
    }
}

fn is_no_room(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

/// Whose a file or a folder is, if it is somebody else's: then that is why.
fn owner(path: &Path) -> String {
    let owner = fs::symlink_metadata(path).map(|metadata| metadata.uid());
    let ours = rustix::process::geteuid().as_raw();
    match owner {
        Ok(owner) if owner != ours => {
            let name = files::user_name(owner).unwrap_or_else(|| format!("user {owner}"));
            format!(" (it belongs to {name})")
        }
        _ => String::new(),
    }
}

/// Makes a folder that is for its owner alone, if it is missing.
fn make_folder(folder: &Path) -> Result<()> {
    let made = match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => files::mend_new(folder, 0o700),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) => Err(error),
    };
    made.with_context(|| format!("cannot make the folder {}", shown(folder)))
}

fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(what);
    name.into()
}
