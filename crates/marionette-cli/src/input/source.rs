//! Reads the text of a list of tasks from a file or a pipe, in any encoding that is UTF-8.

use std::fs;
use std::io::{ErrorKind, Read, stdin};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::command::quoted;
use crate::console::text;

/// The largest list: 256 MiB.
const BYTES_MAX: u64 = 256 * 1024 * 1024;
/// The longest line of a list, in any format: 16 MiB. A command has at most 1 MiB.
const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The longest item: 1 MiB.
const ITEM_BYTES_MAX: usize = 1024 * 1024;
/// The size of the buffer for reading.
const BUFFER_BYTES: usize = 64 * 1024;
/// The bytes with which some editors begin a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// The bytes with which compiled programs begin on Linux and macOS.
const PROGRAMS: &[&[u8]] = &[b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"];
/// The folders in which the system shows the open files of this process.
const OPEN_FILES: &[&str] = &["/dev/fd", "/proc/self/fd"];

/// A list as it is written.
#[derive(Debug)]
pub(super) struct ListSource {
    /// The canonical path of its file; `None` for a pipe.
    pub(super) path: Option<PathBuf>,
    /// Its name in messages.
    pub(super) name: String,
    /// The folder that relative paths start from: the folder of the file, else the current one.
    pub(super) folder: PathBuf,
    pub(super) bytes: Vec<u8>,
}

impl ListSource {
    /// Reads a file, or a pipe by any name; `-` is standard input.
    pub(super) fn read(path: &Path) -> Result<Self> {
        if path.to_str() == Some("-") {
            return Self::standard_input(&LINE);
        }
        let name = text::safe(&path.display().to_string());
        let file = fs::File::open(path).with_context(|| format!("cannot read {name}"))?;
        let kind = file.metadata()?.file_type();
        ensure!(!kind.is_dir(), "{name} is a folder; name a file of tasks");
        let bytes = bytes(file, &name, &LINE)?;
        let is_pipe = kind.is_fifo() || kind.is_socket() || kind.is_char_device();
        if is_pipe || is_open_here(path) {
            return Ok(Self {
                path: None,
                name,
                folder: current_folder()?,
                bytes,
            });
        }
        let path = path
            .canonicalize()
            .with_context(|| format!("cannot find {name}"))?;
        Ok(Self {
            folder: path.parent().unwrap_or(Path::new("/")).to_owned(),
            path: Some(path),
            name,
            bytes,
        })
    }

    pub(super) fn standard_input(part: &PieceRule) -> Result<Self> {
        let name = "standard input".to_owned();
        Ok(Self {
            path: None,
            folder: current_folder()?,
            bytes: bytes(stdin().lock(), &name, part)?,
            name,
        })
    }

    /// The bytes without the byte order mark of UTF-8; a mark of another encoding is an error.
    pub(super) fn without_mark(&self) -> Result<&[u8]> {
        if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = *self.bytes {
            bail!("{}:1: it is UTF-16; save it as UTF-8", self.name);
        }
        let bytes = self.bytes.strip_prefix(BYTE_ORDER_MARK);
        let bytes = bytes.unwrap_or(&self.bytes);
        ensure!(
            !bytes.starts_with(BYTE_ORDER_MARK),
            "{}:1: it begins with two byte order marks, and may have one",
            self.name
        );
        Ok(bytes)
    }

    /// The text without the byte order mark.
    pub(super) fn text(&self) -> Result<&str> {
        let bytes = self.without_mark()?;
        ensure!(
            !PROGRAMS.iter().any(|magic| bytes.starts_with(magic)),
            "{} is a program, not a list of commands; to run it as one task: marionette add -- {}",
            self.name,
            quoted(&self.name)
        );
        ensure!(
            !is_utf16(bytes),
            "{}:1: it is UTF-16 without a byte order mark; save it as UTF-8",
            self.name
        );
        std::str::from_utf8(bytes).map_err(|error| {
            let valid = &bytes[..error.valid_up_to()];
            let line = valid.split(|&byte| byte == b'\n').count();
            anyhow!("{}:{line}: it is not UTF-8", self.name)
        })
    }
}

/// Whether every second one of the first bytes is zero, as in UTF-16 without a byte order mark.
fn is_utf16(bytes: &[u8]) -> bool {
    let Some(start) = bytes.first_chunk::<8>() else {
        return false;
    };
    let is_zero = |odd: usize| start.iter().skip(odd).step_by(2).all(|byte| *byte == 0);
    is_zero(0) != is_zero(1)
}

/// Whether the path names an open file of this process, like `/dev/stdin`: such a name means
/// something else in every process.
fn is_open_here(path: &Path) -> bool {
    path == Path::new("/dev/stdin") || OPEN_FILES.iter().any(|folder| path.starts_with(folder))
}

pub(super) fn current_folder() -> Result<PathBuf> {
    std::env::current_dir().context("there is no current folder")
}

/// The kind of the pieces of a list, and their limit.
pub(super) struct PieceRule {
    noun: &'static str,
    /// The byte that ends a piece.
    end: u8,
    bytes_max: usize,
}

const LINE: PieceRule = PieceRule {
    noun: "line",
    end: b'\n',
    bytes_max: LINE_BYTES_MAX,
};

impl PieceRule {
    /// Items that end with this byte.
    pub(super) const fn item(end: u8) -> Self {
        Self {
            noun: "item",
            end,
            bytes_max: ITEM_BYTES_MAX,
        }
    }
}

/// Reads all bytes, but stops as soon as a piece is too long.
fn bytes(mut from: impl Read, name: &str, part: &PieceRule) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    // The number of the part that is being read, and its length so far.
    let (mut number, mut length) = (1, 0);
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok(bytes),
            Ok(read) => &buffer[..read],
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error).with_context(|| format!("cannot read {name}")),
        };
        for piece in read.split_inclusive(|byte| *byte == part.end) {
            length += piece.len();
            ensure!(
                length <= part.bytes_max,
                "{name}: {} {number} is longer than {} MiB, the limit",
                part.noun,
                part.bytes_max / (1024 * 1024)
            );
            if piece.ends_with(&[part.end]) {
                (number, length) = (number + 1, 0);
            }
        }
        bytes.extend_from_slice(read);
        ensure!(
            bytes.len() as u64 <= BYTES_MAX,
            "{name} is larger than 256 MiB, the limit"
        );
    }
}
