//! An open folder and the files in it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use marionette::TaskId;
use rustix::fs::{self, AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::owner::{Whose, check_owner, refused};

/// How often to try again when another process makes or removes the same name.
const TRIES: u32 = 10;
const FOLDER: Mode = Mode::RWXU;
const FILE: Mode = Mode::RUSR.union(Mode::WUSR);

/// An open folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    fd: Arc<OwnedFd>,
    path: PathBuf,
    whose: Whose,
}

impl Folder {
    pub(super) fn at(
        at: impl AsFd,
        name: &OsStr,
        path: PathBuf,
        whose: Whose,
    ) -> io::Result<Option<Self>> {
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

    pub(super) fn make_at(
        at: impl AsFd,
        name: &OsStr,
        path: &Path,
        whose: Whose,
    ) -> io::Result<Self> {
        for _ in 0..TRIES {
            let found = Self::at(at.as_fd(), name, path.to_owned(), whose)?;
            if let Some(folder) = found {
                return Ok(folder);
            }
            match fs::mkdirat(at.as_fd(), name, FOLDER) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(refused(path, "comes and goes"))
    }

    /// Opens a folder in this one; `None` if there is none.
    pub(crate) fn folder(&self, name: impl AsRef<OsStr>) -> io::Result<Option<Self>> {
        let name = name.as_ref();
        Self::at(&*self.fd, name, self.path.join(name), self.whose)
    }

    /// Opens a folder in this one, and makes it if it is missing.
    pub(crate) fn make_folder(&self, name: impl AsRef<OsStr>) -> io::Result<Self> {
        let name = name.as_ref();
        Self::make_at(&*self.fd, name, &self.path.join(name), self.whose)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The names in the folder.
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

    /// The contents of a file; `None` if there is none.
    pub(crate) fn read_all(&self, name: impl AsRef<OsStr>) -> io::Result<Option<Vec<u8>>> {
        let Some(mut file) = self.read(name)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut file, &mut bytes)?;
        Ok(Some(bytes))
    }

    /// Opens a file to read and write it, and makes it if there is none. Its contents stay.
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

    /// Makes a file. Fails if the name exists.
    pub(crate) fn new_file(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        Ok(File::from(fs::openat(
            &*self.fd,
            name.as_ref(),
            flags,
            FILE,
        )?))
    }

    /// Makes a file in place of whatever has its name.
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

    /// Replaces a file in one step: writes a temporary file, and renames it once it is whole.
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
            // The first error is returned.
            let _ = self.remove(&new);
        }
        written
    }

    /// Removes the temporary files of a file that killed processes left in
    /// [`replace`](Self::replace).
    pub(crate) fn tidy(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        let begin = begin_of_temporary(name.as_ref());
        for found in self.names()? {
            if found.as_bytes().starts_with(begin.as_bytes()) {
                self.remove(&found)?;
            }
        }
        Ok(())
    }

    /// Makes a file and removes it, to see whether that can be done.
    pub(crate) fn probe(&self) -> io::Result<()> {
        let name = temporary(OsStr::new("probe"));
        drop(self.new_file(&name)?);
        // Another process that tidies up may have been faster.
        let _ = self.remove(&name);
        Ok(())
    }

    /// Renames a file, in place of whatever has the new name.
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

    /// The status of a file of ours; `None` if there is none.
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

    /// Locks the folder for as long as it is open. `false` if another process has the lock.
    pub(crate) fn lock_now(&self) -> io::Result<bool> {
        match fs::flock(&*self.fd, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Brings the names in the folder to the disk.
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

    /// Checks that the entry is a file of ours.
    fn check(&self, stat: &Stat, name: &OsStr) -> io::Result<()> {
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind != FileType::RegularFile {
            return Err(refused(&self.path.join(name), "is not a regular file"));
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
        // Systems differ in the error for a link that is not followed.
        Err(Errno::LOOP | Errno::MLINK) => Err(refused(path, "is a symbolic link")),
        Err(Errno::NOTDIR) => Err(refused(path, "is no folder")),
        // The error for a socket, or for a pipe that nobody reads.
        Err(Errno::NXIO) => Err(refused(path, "is not a regular file")),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn temporary(name: &OsStr) -> OsString {
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
