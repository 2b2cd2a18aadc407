//! Prints results on standard output and notes on standard error. A reader that has gone away stops
//! nothing.
//!
//! All output of all commands goes through here and is checked a last time: foreign text moves no
//! cursor and changes no colour. `cargo xtask tidy` sees to it. The bars are in
//! [`run::screen`](crate::run).

pub(crate) mod report;
pub(crate) mod pausing;
pub(crate) mod table;
pub(crate) mod time;
pub(crate) mod clock;
pub(crate) mod short_id;
pub(crate) mod text;
pub(crate) mod glyphs;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::panic;
use std::sync::Arc;

use indicatif::MultiProgress;
use serde_json::Value;

use crate::common::Common;

/// Prints, above the progress bars if there are any.
#[derive(Clone, Debug)]
pub(crate) struct Console {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    bars: Option<Arc<MultiProgress>>,
}

impl Console {
    pub(crate) fn new(common: &Common) -> Self {
        Self {
            json: common.json,
            quiet: common.quiet,
            bars: None,
        }
    }

    /// Prints above these bars from now on.
    pub(crate) fn above(&mut self, bars: Arc<MultiProgress>) {
        self.bars = Some(bars);
    }

    /// Whether bars are shown.
    pub(crate) fn has_bars(&self) -> bool {
        self.bars.is_some()
    }

    /// Prints a result: text, maybe with colours.
    pub(crate) fn result(&self, text: &str) {
        // An error means that nobody reads any more.
        self.aside(|| drop(print(text)));
    }

    /// Prints a result for programs.
    pub(crate) fn value(&self, value: &Value) {
        self.aside(|| drop(print_values(std::slice::from_ref(value))));
    }

    /// Prints something worth knowing, unless the user wants quiet.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.warn(text);
        }
    }

    /// Prints something that has to be known.
    pub(crate) fn warn(&self, text: &str) {
        self.aside(|| complain(text));
    }

    fn aside(&self, write: impl FnOnce()) {
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }
}

/// Prints a text, maybe with colours, and ends its line. An error means that nobody reads any more.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let text = text::coloured(text);
    writeln!(anstream::stdout().lock(), "{}", glyphs::shown(&text))
}

/// As [`print`], after clearing the terminal.
pub(crate) fn print_anew(text: &str) -> io::Result<()> {
    let text = text::coloured(text);
    writeln!(
        anstream::stdout().lock(),
        "\x1b[H\x1b[J{}",
        glyphs::shown(&text)
    )
}

/// Prints values for programs, one a line.
pub(crate) fn print_values(values: &[Value]) -> io::Result<()> {
    let mut lines = String::new();
    for value in values {
        lines.push_str(&text::json(value));
        lines.push('\n');
    }
    print_bytes(lines.as_bytes())
}

/// Prints bytes as they are, for commands whose result they are.
pub(crate) fn print_bytes(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// Prints on standard error what went wrong; each line begins with the name of the program.
pub(crate) fn complain(text: &str) {
    let text = text::safe_lines(text);
    let mut stderr = anstream::stderr().lock();
    for line in glyphs::shown(&text).lines() {
        let _ = writeln!(stderr, "marionette: {line}");
    }
}

/// Prints on standard error why nothing was begun, with the hint on how to do it right below.
pub(crate) fn refuse(text: &str) {
    let text = text::safe_lines(text);
    let _ = writeln!(
        anstream::stderr().lock(),
        "marionette: {}",
        glyphs::shown(&text)
    );
}

/// Prints a question on standard error, maybe with colours, and leaves the cursor behind it.
pub(crate) fn ask(text: &str) -> io::Result<()> {
    let text = text::coloured(text);
    let mut stderr = anstream::stderr().lock();
    write!(stderr, "{}", glyphs::shown(&text))?;
    stderr.flush()
}

/// Prints panics like all other errors from now on. Their messages may quote foreign text.
pub(crate) fn tell_of_panics() {
    panic::set_hook(Box::new(|panic| {
        complain(&format!(
            "a fault in this program, please report it: {panic}"
        ));
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            complain(&trace.to_string());
        }
    }));
}
