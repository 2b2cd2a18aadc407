//! What is said, and where: results on standard output, notes on standard error. A reader that has
//! gone away stops nothing.

use std::io::Write;
use std::sync::Arc;

use indicatif::MultiProgress;
use serde_json::Value;

use crate::args::Common;
use crate::glyphs;

/// Says things, above the progress bars if there are any.
#[derive(Clone, Debug)]
pub(crate) struct Say {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    bars: Option<Arc<MultiProgress>>,
}

impl Say {
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

    /// A result: safe text, maybe with colours.
    pub(crate) fn result(&self, text: &str) {
        // What is for programs is not touched.
        let text = if self.json {
            text.into()
        } else {
            glyphs::shown(text)
        };
        self.aside(|| {
            // An error says that nobody reads any more.
            let _ = writeln!(anstream::stdout().lock(), "{text}");
        });
    }

    /// A result for programs.
    pub(crate) fn value(&self, value: &Value) {
        self.result(&value.to_string());
    }

    /// Something worth knowing, unless somebody wants to be left alone.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.warn(text);
        }
    }

    /// Something that has to be known.
    pub(crate) fn warn(&self, text: &str) {
        let text = glyphs::shown(text);
        self.aside(|| {
            for line in text.lines() {
                let _ = writeln!(anstream::stderr().lock(), "marionette: {line}");
            }
        });
    }

    fn aside(&self, write: impl FnOnce()) {
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }
}
