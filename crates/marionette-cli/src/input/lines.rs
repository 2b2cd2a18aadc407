//! Reads tasks from lines for the shell, one each. Blank lines and lines that begin with `#` are
//! skipped; the rules of the shell say where a line goes on in the next one.

use std::borrow::Cow;

use marionette::store::PAYLOAD_BYTES_MAX;

use super::draft::Draft;
use super::{Fault, Task, all_or_faults, script};
use crate::command::{Lack, Piece, What, pieces};

/// Reads lines that the user has called commands.
pub(super) fn read(text: &str, base: &Draft) -> Result<Vec<Task>, Vec<Fault>> {
    read_if(text, base, |_| None)
}

/// Reads lines of unknown kind; a line that only a script would have is a fault.
pub(super) fn read_careful(text: &str, base: &Draft) -> Result<Vec<Task>, Vec<Fault>> {
    read_if(text, base, script::refusal)
}

fn read_if(
    text: &str,
    base: &Draft,
    objection: impl Fn(&Piece<'_>) -> Option<String>,
) -> Result<Vec<Task>, Vec<Fault>> {
    let text = if text.contains("\r\n") {
        Cow::Owned(text.replace("\r\n", "\n"))
    } else {
        Cow::Borrowed(text)
    };
    let mut tasks = Vec::new();
    let mut faults = Vec::new();
    for piece in pieces(&text) {
        let wrong = match piece.lacks {
            Some(lack) => Some(explain_lack(lack)),
            None if !piece.has_words => continue,
            None if piece.text.len() > PAYLOAD_BYTES_MAX => Some(super::too_long(piece.text.len())),
            None if piece.text.contains('\0') => Some(ZERO_BYTE.to_owned()),
            None => objection(&piece),
        };
        if let Some(wrong) = wrong {
            faults.push(Fault::new(piece.line, wrong));
            continue;
        }
        let what = What::Run(piece.text.to_owned());
        match base.clone().with(what).finish(piece.line) {
            Ok(task) => tasks.push(task),
            Err(fault) => faults.push(fault),
        }
    }
    all_or_faults(Ok(tasks), faults)
}

const ZERO_BYTE: &str = "it contains a zero byte; commands end with their lines. For names that \
                         end with zero bytes: marionette run -0 -- COMMAND {}";

fn explain_lack(lack: Lack) -> String {
    match lack {
        Lack::Line => "it ends with `\\`, and no line follows".to_owned(),
        Lack::Close(opener) => format!("a {opener} is opened and never closed"),
        Lack::Document => "a here-document needs several lines; write the command in TOML, with \
                           run = '''…'''"
            .to_owned(),
    }
}
