//! Folders of ours and the files in them. Whatever somebody else has put there is not followed, not
//! waited for and not written over.
//!
//! A folder is opened once, and everything in it is named from there, so it stays the same folder
//! whatever becomes of its name. No link at the end of a name is followed, no open blocks, and what
//! was opened is looked at: a regular file with one name, of this user or of root.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use marionette::TaskId;
use rustix::fs::{self, AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// How often a name is tried for which somebody else is faster.
const TRIES: u32 = 10;
const FOLDER: Mode = Mode::RWXU;
const FILE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Whose files are worked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Whose {
    /// Those of this user and of root alone.
    Ours,
    /// Those of anybody: they are trusted, or only looked at.
    Anybodys,
}

/// Where a folder is, or will be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    /// A folder that lies in a safe one.
    root: PathBuf,
    /// The way from there, in which no link is followed.
    below: PathBuf,
    whose: Whose,
}

impl Place {
    pub(crate) fn new(root: impl Into<PathBuf>, whose: Whose) -> Self {
        Self {
            root: root.into(),
            below: PathBuf::new(),
            whose,
        }
    }

    /// A place in this one.
    pub(crate) fn below(&self, way: impl AsRef<Path>) -> Self {
        Self {
            below: self.below.join(way),
            ..self.clone()
        }
    }

    /// For people, and for what only removes.
    pub(crate) fn path(&self) -> PathBuf {
        if self.below.as_os_str().is_empty() {
            // To join nothing would put a slash behind it, through which a link is followed.
            return self.root.clone();
        }
        self.root.join(&self.below)
    }

    pub(crate) fn whose(&self) -> Whose {
        self.whose
    }

    /// Opens the folder; `None` if there is none.
    pub(crate) fn open(&self) -> io::Result<Option<Folder>> {
        let mut folder = Folder::at(CWD, self.root.as_os_str(), self.root.clone(), self.whose)?;
        for name in &self.below {
            let Some(parent) = folder else { break };
            folder = parent.folder(name)?;
        }
        Ok(folder)
    }

    /// Opens the folder, and makes it if there is none. The folder around the root has to be there.
    pub(crate) fn make(&self) -> io::Result<Folder> {
        let mut folder = Folder::make_at(CWD, self.root.as_os_str(), &self.root, self.whose)?;
        for name in &self.below {
            folder = folder.make_folder(name)?;
        }
        Ok(folder)
    }
}

/// A folder that is open.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    fd: Arc<OwnedFd>,
    path: PathBuf,
    whose: Whose,
}

impl Folder {
    fn at(at: impl AsFd, name: &OsStr, path: PathBuf, whose: Whose) -> io::Result<Option<Self>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let Some(fd) = open_at(at, name, flags, Mode::empty(), &path)? else {
            return Ok(None);
        };
        if whose == Whose::Ours {
            let stat = fs::fstat(&fd)?;
            check_owner(&stat, &path)?;
            if Mode::from_raw_mode(stat.st_mode).contains(Mode::WOTH) {
                return Err(refused(&path, "may be written by anybody"));
            }
        }
        let fd = Arc::new(fd);
        Ok(Some(Self { fd, path, whose }))
    }

    fn make_at(at: impl AsFd, name: &OsStr, path: &Path, whose: Whose) -> io::Result<Self> {
        for _ in 0..TRIES {
            let found = Self::at(at.as_fd(), name, path.to_owned(), whose)?;
            if let Some(folder) = found {
                return Ok(folder);
            }
            match fs::mkdirat(at.as_fd(), name, FOLDER) {
                // No link is followed where this is needed: nobody else may write there.
                Ok(()) if UMASK_TAKES_OURS.load(Ordering::Relaxed) => {
                    fs::chmodat(at.as_fd(), name, FOLDER, AtFlags::empty())?;
                }
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(refused(path, "comes and goes"))
    }

    /// A folder in this one; `None` if there is none.
    pub(crate) fn folder(&self, name: impl AsRef<OsStr>) -> io::Result<Option<Self>> {
        let name = name.as_ref();
        Self::at(&*self.fd, name, self.path.join(name), self.whose)
    }

    /// A folder in this one, which is made if it is missing.
    pub(crate) fn make_folder(&self, name: impl AsRef<OsStr>) -> io::Result<Self> {
        let name = name.as_ref();
        Self::make_at(&*self.fd, name, &self.path.join(name), self.whose)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&*self.fd)? {
            let name = OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Opens a file to read it; `None` if there is none.
    pub(crate) fn read(&self, name: impl AsRef<OsStr>) -> io::Result<Option<File>> {
        self.file(name.as_ref(), OFlags::RDONLY)
    }

    /// All that is in a file; `None` if there is none.
    pub(crate) fn read_all(&self, name: impl AsRef<OsStr>) -> io::Result<Option<Vec<u8>>> {
        let Some(mut file) = self.read(name)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut file, &mut bytes)?;
        Ok(Some(bytes))
    }

    /// Opens a file to read and write it, and makes it if there is none. Nothing in it changes.
    pub(crate) fn open_or_new(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let name = name.as_ref();
        for _ in 0..TRIES {
            if let Some(file) = self.file(name, OFlags::RDWR)? {
                return Ok(file);
            }
            match self.new_file(name) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => return made,
            }
        }
        Err(refused(&self.path.join(name), "comes and goes"))
    }

    /// Makes a file. Whatever has its name is an error.
    pub(crate) fn new_file(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = File::from(fs::openat(&*self.fd, name.as_ref(), flags, FILE)?);
        if UMASK_TAKES_OURS.load(Ordering::Relaxed) {
            fs::fchmod(&file, FILE)?;
        }
        Ok(file)
    }

    /// Makes a file, and removes whatever has its name.
    pub(crate) fn new_file_instead(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let name = name.as_ref();
        for _ in 0..TRIES {
            match self.new_file(name) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => self.remove(name)?,
                made => return made,
            }
        }
        Err(refused(&self.path.join(name), "comes and goes"))
    }

    /// Writes a file under a name that nobody knows, and gives it this one once it is whole.
    pub(crate) fn replace(
        &self,
        name: impl AsRef<OsStr>,
        write: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> io::Result<()> {
        let name = name.as_ref();
        let new = temporary(name);
        let mut file = self.new_file(&new)?;
        let written = write(&mut file).and_then(|()| self.rename(&new, name));
        if written.is_err() {
            // What was wrong before is told.
            let _ = self.remove(&new);
        }
        written
    }

    /// Removes what processes that were killed in [`replace`](Self::replace) have left of a file.
    pub(crate) fn tidy(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        let begin = begin_of_temporary(name.as_ref());
        for found in self.names()? {
            if found.as_bytes().starts_with(begin.as_bytes()) {
                self.remove(&found)?;
            }
        }
        Ok(())
    }

    /// Makes a file, to see whether that can be done, and removes it.
    pub(crate) fn probe(&self) -> io::Result<()> {
        let name = temporary(OsStr::new("probe"));
        drop(self.new_file(&name)?);
        // Somebody who tidies up may have been faster.
        let _ = self.remove(&name);
        Ok(())
    }

    /// Gives a file another name, and removes whatever has that.
    pub(crate) fn rename(&self, from: impl AsRef<OsStr>, to: impl AsRef<OsStr>) -> io::Result<()> {
        Ok(fs::renameat(
            &*self.fd,
            from.as_ref(),
            &*self.fd,
            to.as_ref(),
        )?)
    }

    /// Removes a file, if it is there.
    pub(crate) fn remove(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        match fs::unlinkat(&*self.fd, name.as_ref(), AtFlags::empty()) {
            Err(Errno::NOENT) => Ok(()),
            removed => Ok(removed?),
        }
    }

    /// What the system says of a file of ours; `None` if there is none.
    pub(crate) fn stat(&self, name: impl AsRef<OsStr>) -> io::Result<Option<Stat>> {
        let name = name.as_ref();
        match fs::statat(&*self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => {
                self.check(&stat, name)?;
                Ok(Some(stat))
            }
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether an open file still has this name.
    pub(crate) fn is_at(&self, file: &File, name: impl AsRef<OsStr>) -> io::Result<bool> {
        let ours = file.metadata()?;
        let found = fs::statat(&*self.fd, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW);
        #[allow(clippy::useless_conversion, clippy::unnecessary_cast)] // Not on all systems.
        Ok(found.is_ok_and(|found| {
            (found.st_dev as u64, found.st_ino as u64) == (ours.dev(), ours.ino())
        }))
    }

    /// Locks it for as long as it is open, unless another process has: says whether this has it.
    pub(crate) fn lock_now(&self) -> io::Result<bool> {
        match fs::flock(&*self.fd, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Brings the names in it to the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(fs::fsync(&*self.fd)?)
    }

    fn file(&self, name: &OsStr, flags: OFlags) -> io::Result<Option<File>> {
        let path = self.path.join(name);
        let Some(fd) = open_at(&*self.fd, name, flags, Mode::empty(), &path)? else {
            return Ok(None);
        };
        self.check(&fs::fstat(&fd)?, name)?;
        Ok(Some(File::from(fd)))
    }

    /// Whether something in it is a file of ours.
    fn check(&self, stat: &Stat, name: &OsStr) -> io::Result<()> {
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind != FileType::RegularFile {
            return Err(refused(&self.path.join(name), "is no regular file"));
        }
        if self.whose == Whose::Ours {
            check_owner(stat, &self.path.join(name))?;
            if stat.st_nlink > 1 {
                return Err(refused(&self.path.join(name), "has more than one name"));
            }
        }
        Ok(())
    }
}

/// Whether the umask takes permissions from the owner: then new files are given them back.
static UMASK_TAKES_OURS: AtomicBool = AtomicBool::new(false);

/// Looks at the umask, which cannot be done without changing it: to be called before there are
/// threads.
pub(crate) fn look_at_umask() {
    let umask = rustix::process::umask(Mode::RWXG | Mode::RWXO);
    rustix::process::umask(umask);
    UMASK_TAKES_OURS.store(umask.intersects(Mode::RWXU), Ordering::Relaxed);
}

/// Gives the owner of a new folder back what the umask took.
pub(crate) fn mend_new(path: &Path, mode: u32) -> io::Result<()> {
    if UMASK_TAKES_OURS.load(Ordering::Relaxed) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

fn open_at(
    at: impl AsFd,
    name: &OsStr,
    flags: OFlags,
    mode: Mode,
    path: &Path,
) -> io::Result<Option<OwnedFd>> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match fs::openat(at, name, flags, mode) {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::NOENT) => Ok(None),
        // Some systems say the one, some the other, of a link that they do not follow.
        Err(Errno::LOOP | Errno::MLINK) => Err(refused(path, "is a symbolic link")),
        Err(Errno::NOTDIR) => Err(refused(path, "is no folder")),
        // Of a socket, or of a pipe that nobody reads.
        Err(Errno::NXIO) => Err(refused(path, "is no regular file")),
        Err(error) => Err(error.into()),
    }
}

/// The name of a user, if the system has one in its own list.
pub(crate) fn user_name(id: u32) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    })
}

fn check_owner(stat: &Stat, path: &Path) -> io::Result<()> {
    let ours = rustix::process::geteuid().as_raw();
    if stat.st_uid == ours || stat.st_uid == 0 {
        return Ok(());
    }
    let owner = user_name(stat.st_uid).unwrap_or_else(|| format!("user {}", stat.st_uid));
    Err(refused(path, format!("belongs to {owner}")))
}

/// An error that says why something is not touched.
fn refused(path: &Path, what: impl Display) -> io::Error {
    let what = format!(
        "{} {what}, so it is not used",
        crate::console::text::path(path)
    );
    io::Error::new(ErrorKind::PermissionDenied, what)
}

fn temporary(name: &OsStr) -> OsString {
    let mut temporary = begin_of_temporary(name);
    temporary.push(TaskId::new().uuid().simple().to_string());
    temporary
}

fn begin_of_temporary(name: &OsStr) -> OsString {
    let mut begin = OsString::from(".");
    begin.push(name);
    begin.push(".new-");
    begin
}

#[cfg(test)]
mod tests {
    use std::fs as files;
    use std::io::{Read, Write};
    use std::os::unix::fs::symlink;

    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let around = tempfile::tempdir().unwrap();
        let folder = Place::new(around.path().join("ours"), Whose::Ours);
        assert!(folder.open().unwrap().is_none());
        let folder = folder.make().unwrap();
        (around, folder)
    }

    fn mode(path: &Path) -> u32 {
        files::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn what_is_made_is_for_its_owner_alone() {
        let (around, folder) = folder();
        drop(folder.new_file("file").unwrap());
        folder
            .replace("note", |file| file.write_all(b"it"))
            .unwrap();
        drop(folder.open_or_new("lock").unwrap());
        let deep = Place::new(around.path().join("ours"), Whose::Ours).below("a/b");
        deep.make().unwrap();
        for made in ["file", "note", "lock"] {
            assert_eq!(mode(&folder.path().join(made)), 0o600, "{made}");
        }
        for made in ["", "a", "a/b"] {
            assert_eq!(mode(&folder.path().join(made)), 0o700, "{made}");
        }
        assert_eq!(folder.read_all("note").unwrap().unwrap(), b"it");
        assert_eq!(folder.names().unwrap().len(), 4, "no other file is left");
    }

    #[test]
    fn no_link_is_followed_and_nothing_blocks() {
        let (around, folder) = folder();
        let victim = around.path().join("victim");
        files::write(&victim, "precious").unwrap();
        let ours = |name: &str| folder.path().join(name);
        symlink(&victim, ours("link")).unwrap();
        symlink(around.path(), ours("way")).unwrap();
        let made = std::process::Command::new("mkfifo")
            .arg(ours("pipe"))
            .status();
        assert!(made.unwrap().success());
        files::create_dir(ours("folder")).unwrap();
        files::hard_link(&victim, ours("twin")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(ours("socket")).unwrap();
        for name in ["link", "pipe", "folder", "twin", "socket"] {
            let refused = |result: Option<io::Error>| {
                let error = result.unwrap_or_else(|| panic!("{name} was opened"));
                assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{name}: {error}");
                assert!(error.to_string().contains(name), "{error}");
            };
            refused(folder.read(name).err());
            refused(folder.stat(name).err());
            folder.open_or_new(name).unwrap_err();
            assert!(folder.new_file(name).is_err());
        }
        assert!(folder.folder("way").is_err());
        assert!(folder.make_folder("pipe").is_err());
        for name in ["link", "pipe", "twin", "socket"] {
            let mut file = folder.new_file_instead(name).unwrap();
            file.write_all(b"new").unwrap();
            let mut read = String::new();
            let mut file = folder.read(name).unwrap().unwrap();
            file.read_to_string(&mut read).unwrap();
            assert_eq!(read, "new");
        }
        symlink(&victim, ours("note")).unwrap();
        folder
            .replace("note", |file| file.write_all(b"new"))
            .unwrap();
        assert_eq!(files::read(&victim).unwrap(), b"precious");
    }

    #[test]
    fn a_place_is_called_as_it_was_named() {
        let place = Place::new("/a/b", Whose::Ours);
        assert_eq!(place.path().as_os_str(), "/a/b");
        assert_eq!(place.below("c/d").path().as_os_str(), "/a/b/c/d");
    }

    #[test]
    fn what_a_killed_process_has_left_is_removed() {
        let (_around, folder) = folder();
        drop(folder.new_file(temporary(OsStr::new("note"))).unwrap());
        drop(folder.new_file(temporary(OsStr::new("another"))).unwrap());
        folder.tidy("note").unwrap();
        assert_eq!(folder.names().unwrap().len(), 1);
    }
}
