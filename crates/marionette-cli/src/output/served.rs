//! Whether the outputs lie on a file system of their own that another process or machine serves.
//!
//! A file system that does not answer blocks any process that looks into it, and a blocked process
//! cannot end. The minder may be left behind like that, but not the instance.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// How the names of such file systems begin.
const SERVED: [&str; 8] = [
    "fuse", "nfs", "cifs", "smb", "9p", "ceph", "lustre", "gluster",
];

/// Whether such a file system is mounted at this folder, without looking into the folder. Without
/// `/proc` no mount is known.
pub(super) fn is_served(folder: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    mounts.lines().filter_map(mount).any(|(point, kind)| {
        point == folder && SERVED.iter().any(|served| kind.starts_with(served))
    })
}

/// The mount point and the kind of file system in a line.
fn mount(line: &str) -> Option<(PathBuf, &str)> {
    let (place, what) = line.split_once(" - ")?;
    let point = place.split(' ').nth(4)?;
    Some((unescaped(point), what.split(' ').next()?))
}

/// Undoes the escapes of the file, which has blanks, line ends and backslashes as octal digits.
fn unescaped(text: &str) -> PathBuf {
    let mut pieces = text.split('\\');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let code = piece
            .get(..3)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(code) = code {
            bytes.push(code);
            bytes.extend_from_slice(&piece.as_bytes()[3..]);
        } else {
            bytes.push(b'\\');
            bytes.extend_from_slice(piece.as_bytes());
        }
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_found_in_its_line() {
        let line = r"36 35 98:0 / /a\040b\134c rw,noatime master:1 shared:2 - fuse.sshfs host rw";
        assert_eq!(mount(line), Some((r"/a b\c".into(), "fuse.sshfs")));
        assert_eq!(mount("36 35 98:0 / /a rw"), None);
        assert_eq!(mount(""), None);
    }

    #[test]
    fn a_folder_of_this_machine_is_not_served() {
        assert!(!is_served(Path::new("/")));
        assert!(!is_served(&std::env::temp_dir()));
    }
}
