//! Reads a value from the file that a task names: a regular file, and not a large one. Anything
//! else may block its reader for any time, or have no end.

use std::fs::{File, FileType};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// The longest value: 1 MiB. No system starts a program with a longer one.
const BYTES_MAX: u64 = 1024 * 1024;

/// The contents of the file.
///
/// # Errors
///
/// If the file cannot be read or is refused; the error has nothing of the value.
pub(super) fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    // The open neither waits for a writer or a device, nor makes a terminal ours.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(refused(&format!(
            "it is {}; a value is looked up in a regular file",
            kind(metadata.file_type())
        )));
    }
    if metadata.len() > BYTES_MAX {
        let bytes = metadata.len();
        return Err(refused(&format!("it has {bytes} bytes; {LIMIT}")));
    }
    let mut bytes = Vec::new();
    // The file may grow meanwhile, and files such as those of `/proc` give no length.
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(refused(&format!("it has more bytes than it said; {LIMIT}")));
    }
    Ok(bytes)
}

const LIMIT: &str = "a value that is looked up may have 1048576 at most";

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn kind(found: FileType) -> &'static str {
    if found.is_dir() {
        "a folder"
    } else if found.is_fifo() {
        "a pipe"
    } else if found.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, FileType as Kind, mknodat};

    use super::*;

    fn refusal(path: &Path) -> String {
        bytes_of(path).unwrap_err().to_string()
    }

    #[test]
    fn what_may_never_end_or_never_begin_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, socket) = (folder.path().join("pipe"), folder.path().join("socket"));
        mknodat(CWD, &pipe, Kind::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let _listener = UnixListener::bind(&socket).unwrap();
        let regular = "a value is looked up in a regular file";
        assert_eq!(refusal(&pipe), format!("it is a pipe; {regular}"));
        assert_eq!(refusal(folder.path()), format!("it is a folder; {regular}"));
        for device in ["/dev/zero", "/dev/null"] {
            let why = refusal(Path::new(device));
            assert_eq!(why, format!("it is a device; {regular}"));
        }
        // The system opens no socket, and no terminal where there is none.
        assert!(bytes_of(&socket).is_err());
        assert!(bytes_of(Path::new("/dev/tty")).is_err());
    }

    #[test]
    fn a_value_has_a_longest_length_which_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("value");
        let longest = usize::try_from(BYTES_MAX).unwrap();
        std::fs::write(&path, "x".repeat(longest)).unwrap();
        assert_eq!(bytes_of(&path).unwrap().len(), longest);
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(BYTES_MAX + 1).unwrap();
        let limit = "a value that is looked up may have 1048576 at most";
        let bytes = BYTES_MAX + 1;
        assert_eq!(refusal(&path), format!("it has {bytes} bytes; {limit}"));
        // A terabyte of zeros takes no room, and would take hours to read.
        file.set_len(1 << 40).unwrap();
        assert!(refusal(&path).ends_with(limit));
    }
}
