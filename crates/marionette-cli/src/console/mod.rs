//! What is said, and where: results on standard output, notes on standard error. A reader that has
//! gone away stops nothing.
//!
//! All that is printed goes through here, for whatever reason and from whatever command, and is
//! looked at a last time: what is not ours moves no cursor and changes no colour. `cargo xtask
//! tidy` sees to it. The bars are in [`run::screen`](crate::run).

pub(crate) mod report;
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

/// Says things, above the progress bars if there are any.
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

    /// From now on it is said above these bars.
    pub(crate) fn above(&mut self, bars: Arc<MultiProgress>) {
        self.bars = Some(bars);
    }

    /// Whether somebody watches bars.
    pub(crate) fn has_bars(&self) -> bool {
        self.bars.is_some()
    }

    /// A result: text, maybe with colours.
    pub(crate) fn result(&self, text: &str) {
        // An error says that nobody reads any more.
        self.aside(|| drop(print(text)));
    }

    /// A result for programs.
    pub(crate) fn value(&self, value: &Value) {
        self.aside(|| drop(print_values(std::slice::from_ref(value))));
    }

    /// Something worth knowing, unless somebody wants to be left alone.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.warn(text);
        }
    }

    /// Something that has to be known.
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

/// Prints a text, maybe with colours, and ends its line. An error says that nobody reads any more.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let text = text::coloured(text);
    writeln!(anstream::stdout().lock(), "{}", glyphs::shown(&text))
}

/// As [`print`], on a terminal that is cleared before.
pub(crate) fn print_anew(text: &str) -> io::Result<()> {
    let text = text::coloured(text);
    writeln!(
        anstream::stdout().lock(),
        "\x1b[H\x1b[J{}",
        glyphs::shown(&text)
    )
}

/// Prints values for programs, each in a line.
pub(crate) fn print_values(values: &[Value]) -> io::Result<()> {
    let mut lines = String::new();
    for value in values {
        lines.push_str(&text::json(value));
        lines.push('\n');
    }
    print_bytes(lines.as_bytes())
}

/// Prints bytes as they are, for callers that asked for just these.
pub(crate) fn print_bytes(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// Says on standard error what went wrong, in lines of which each says who says it.
pub(crate) fn complain(text: &str) {
    let text = text::safe_lines(text);
    let mut stderr = anstream::stderr().lock();
    for line in glyphs::shown(&text).lines() {
        let _ = writeln!(stderr, "marionette: {line}");
    }
}

/// Says on standard error why nothing was begun, and below that how it is done right.
pub(crate) fn refuse(text: &str) {
    let text = text::safe_lines(text);
    let _ = writeln!(
        anstream::stderr().lock(),
        "marionette: {}",
        glyphs::shown(&text)
    );
}

/// Shows something on standard error, maybe with colours, and leaves the cursor behind it.
pub(crate) fn ask(text: &str) -> io::Result<()> {
    let text = text::coloured(text);
    let mut stderr = anstream::stderr().lock();
    write!(stderr, "{}", glyphs::shown(&text))?;
    stderr.flush()
}

/// From now on a panic is told like all else. Its message may quote what is not ours.
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
