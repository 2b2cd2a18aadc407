//! Files of tasks, in each format.

use std::path::Path;

use marionette::Payload;

use super::is_fit_to_print;
use crate::command::Command;
use crate::console::text::{safe, safe_lines};
use crate::input::{self, Format};

/// Any TOML is tasks, or is refused.
pub fn toml(bytes: &[u8]) {
    list(Some(Format::Toml), bytes);
}

/// Any JSON Lines are tasks, or are refused.
pub fn json_lines(bytes: &[u8]) {
    list(Some(Format::Jsonl), bytes);
}

/// Any lines are tasks, or are refused.
pub fn lines(bytes: &[u8]) {
    list(Some(Format::Lines), bytes);
}

/// Any file of an unknown format is tasks, or is refused.
pub fn unknown(bytes: &[u8]) {
    list(None, bytes);
}

/// A list is either refused in words that can be shown, or read as commands that can be stored,
/// shown and read back.
fn list(format: Option<Format>, bytes: &[u8]) {
    match input::read_bytes("tasks", bytes, format) {
        Ok(file) => {
            for task in &file.tasks {
                is_fit_to_print(&safe(&task.command.typed(Path::new("/"))));
                is_fit_to_print(&safe(&task.title()));
                task.identity().expect("it is a command");
                let stored = task.command.encode().expect("it can be stored");
                let again = Command::decode(&stored).expect("it is read back");
                assert_eq!(again, task.command);
            }
        }
        Err(error) => {
            let told = safe_lines(&format!("{error:#}"));
            is_fit_to_print(&told.replace(['\n', '\t'], ""));
            assert!(
                told.len() < 64 * 1024 + 4 * bytes.len(),
                "{} bytes",
                told.len()
            );
        }
    }
}
