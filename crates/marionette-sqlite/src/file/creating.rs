//! Making the file and the files beside it, for its owner alone.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use marionette::store::StoreError;

use crate::failpoint;
use crate::paths::beside;

/// Makes the file, for its owner alone, if there is none; returns whether there was none. SQLite
/// gives the files beside it the same mode.
///
/// A file that exists is not opened here: closing it again would take the locks from every other
/// connection of this process to it.
pub(crate) fn create(path: &Path) -> Result<bool, StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(file) => {
            mend_mode(&file).map_err(|err| io_error(path, err))?;
            drop(file);
            failpoint::at("sqlite::open::created");
            sync_directory(path).map_err(|err| io_error(path, err))?;
            Ok(true)
        }
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(err) => Err(io_error(path, err)),
    }
}

/// Gives the owner of a new file the permissions that the umask of this process took.
#[cfg(unix)]
pub(crate) fn mend_mode(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    if file.metadata()?.permissions().mode() & 0o777 == 0o600 {
        return Ok(());
    }
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)] // Its twin can fail.
pub(crate) fn mend_mode(_file: &File) -> io::Result<()> {
    Ok(())
}

/// Options that follow no link and wait for nobody, where the system has such options.
pub(crate) fn carefully(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use nix::libc::{O_NOFOLLOW, O_NONBLOCK};

        std::os::unix::fs::OpenOptionsExt::custom_flags(options, O_NOFOLLOW | O_NONBLOCK);
    }
    options
}

/// Removes a file that was made and could not be opened, unless somebody else uses it.
pub(crate) fn unmake(path: &Path) {
    // Its first page only says that it is a database.
    const NO_TABLES: u64 = 4096;
    let bytes = |path: &Path| std::fs::metadata(path).map(|found| found.len()).ok();
    let is_empty = bytes(path).is_some_and(|bytes| bytes <= NO_TABLES);
    if !is_empty || bytes(&beside(path, "-wal")).unwrap_or(0) > 0 {
        return;
    }
    let _ = std::fs::remove_file(path);
    // In a folder that everybody may write, `owner` made these files first.
    for ending in ["-journal", "-wal", "-shm"] {
        let path = beside(path, ending);
        if bytes(&path) == Some(0) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Syncs the folder, so that the names of new files beside this one survive a loss of power.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

pub(super) fn io_error(path: &Path, err: io::Error) -> StoreError {
    let what = format!("{}: the file cannot be used", path.display());
    let error = match err.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::full(what),
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => StoreError::refused(what),
        _ => StoreError::unavailable(what),
    };
    error.with_source(err)
}
