//! The terminal on which the bars are drawn, even while its width changes.
//!
//! `indicatif` fills each line with blanks up to the edge and lets the terminal wrap; to draw anew
//! it goes up by the number of rows that it drew before. A terminal that becomes wider or narrower
//! wraps anew and then has another number of rows. So here lines end with a line feed and without
//! blanks, and rows are counted at the width that the terminal has when it is next drawn on.

use std::env;
use std::fmt::Write as _;
use std::io::{self, Write as _, stderr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::{ProgressDrawTarget, TermLike};
use unicode_width::UnicodeWidthStr;

use crate::console::text;

/// The highest number of draws a second.
const HERTZ: u8 = 20;

/// Rows and columns of the terminal.
pub(super) fn size() -> (u16, u16) {
    let size = rustix::termios::tcgetwinsize(stderr());
    size.map_or((24, 80), |size| (size.ws_row, size.ws_col.max(1)))
}

/// Standard error, for bars.
pub(super) fn target() -> ProgressDrawTarget {
    let is_set = |name: &str| env::var_os(name).is_some();
    // `screen` and `xterm` cut lines off and do not wrap them anew.
    let is_screen = is_set("STY") && !is_set("TMUX");
    let drawn = Drawn {
        wraps_anew: !is_screen && !is_set("XTERM_VERSION"),
        ..Drawn::default()
    };
    ProgressDrawTarget::term_like_with_hz(Box::new(BarsTerminal(Mutex::new(drawn))), HERTZ)
}

#[derive(Debug)]
struct BarsTerminal(Mutex<Drawn>);

/// What was drawn last.
#[derive(Debug, Default)]
struct Drawn {
    wraps_anew: bool,
    /// The width of each line without the blanks at its end.
    lines: Vec<usize>,
    /// The width of the line that is being drawn, with its blanks.
    filled: usize,
    /// The width of the terminal when it was last drawn on.
    columns: usize,
    /// The bytes that are not written yet.
    bytes: String,
}

impl Drawn {
    fn text(&mut self, text: &str, columns: usize) {
        // `indicatif` writes an empty text where a line needs no blanks.
        if text.is_empty() {
            return;
        }
        if self.lines.is_empty() {
            self.columns = columns;
            self.lines.push(0);
        } else if self.filled > 0 && self.filled.is_multiple_of(columns) {
            self.bytes.push_str("\r\n");
            self.lines.push(0);
            self.filled = 0;
        }
        let trimmed = text.trim_end_matches(' ');
        if !trimmed.is_empty() {
            // Blanks before a further text count.
            let visible = self.filled + trimmed.width();
            let blanks = self.filled - self.lines.last().copied().unwrap_or_default();
            self.bytes.extend(std::iter::repeat_n(' ', blanks));
            self.bytes.push_str(trimmed);
            self.lines.pop();
            self.lines.push(visible);
        }
        self.filled += text.width();
    }

    fn up(&mut self, rows: usize, columns: usize) {
        let rows_of = |columns: usize| -> usize {
            let rows = self.lines.iter().map(|line| line.div_ceil(columns).max(1));
            rows.sum()
        };
        let mut surplus = 0;
        if self.wraps_anew && !self.lines.is_empty() {
            surplus = rows_of(columns).saturating_sub(rows_of(self.columns));
        }
        self.lines.clear();
        self.filled = 0;
        self.step(rows + surplus, 'A');
        if surplus > 0 {
            // Row by row: some terminals keep in their history the rows that are cleared at once.
            for _ in 0..rows + surplus {
                self.bytes.push_str("\r\x1b[2K");
                self.step(1, 'B');
            }
            self.bytes.push_str("\r\x1b[2K");
            self.step(rows + surplus, 'A');
        }
    }

    fn step(&mut self, count: usize, to: char) {
        if count > 0 {
            let written = write!(self.bytes, "\x1b[{count}{to}");
            written.expect("a string takes all that is written");
        }
    }
}

impl BarsTerminal {
    fn drawn(&self) -> MutexGuard<'_, Drawn> {
        // No holder of the lock can leave the data half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TermLike for BarsTerminal {
    fn width(&self) -> u16 {
        size().1
    }

    fn height(&self) -> u16 {
        size().0
    }

    fn move_cursor_up(&self, rows: usize) -> io::Result<()> {
        self.drawn().up(rows, usize::from(self.width()));
        Ok(())
    }

    fn move_cursor_down(&self, rows: usize) -> io::Result<()> {
        self.drawn().step(rows, 'B');
        Ok(())
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.drawn().step(columns, 'C');
        Ok(())
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.drawn().step(columns, 'D');
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        let bytes = &mut self.drawn().bytes;
        bytes.push_str(&text::coloured(text));
        bytes.push_str("\r\n");
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        let columns = usize::from(self.width());
        self.drawn().text(&text::coloured(text), columns);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.drawn().bytes.push_str("\r\x1b[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let bytes = std::mem::take(&mut self.drawn().bytes);
        let mut stderr = stderr().lock();
        stderr.write_all(bytes.as_bytes())?;
        stderr.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use vt100::Parser;

    use super::*;

    /// A terminal and what is drawn on it, as `indicatif` draws.
    struct Window {
        parser: Parser,
        drawn: Drawn,
        columns: u16,
        rows: usize,
    }

    fn parser(columns: u16) -> Parser {
        let [rows, columns] = [24, columns].map(|size| NonZero::new(size).unwrap());
        Parser::new(rows, columns, 0)
    }

    impl Window {
        fn new(columns: u16) -> Self {
            let mut parser = parser(columns);
            parser.process(b"$ marionette run\r\nFAILED    false\r\n");
            let drawn = Drawn {
                wraps_anew: true,
                ..Drawn::default()
            };
            let rows = 0;
            Self {
                parser,
                drawn,
                columns,
                rows,
            }
        }

        fn draw(&mut self, lines: &[&str]) {
            let columns = usize::from(self.columns);
            let up = self.rows.saturating_sub(1);
            self.drawn.up(up, columns);
            for row in 0..self.rows {
                self.drawn.bytes.push_str("\r\x1b[2K");
                self.drawn.step(usize::from(row < up), 'B');
            }
            self.drawn.up(up, columns);
            for line in lines {
                let line: String = line.chars().take(columns).collect();
                let filler = columns - line.width();
                self.drawn.text(&line, columns);
                self.drawn.text(&" ".repeat(filler), columns);
            }
            self.rows = lines.len();
            self.parser.process(self.drawn.bytes.as_bytes());
            self.drawn.bytes.clear();
        }

        /// Gives it another width. Lines that wrap do so anew, as in most terminals.
        fn resize(&mut self, columns: u16) {
            let screen = self.parser.screen();
            let mut anew = parser(columns);
            let (last, _) = screen.cursor_position();
            for (row, text) in (0..=last).zip(screen.rows(0, self.columns)) {
                anew.process(text.as_bytes());
                if row < last && !screen.row_wrapped(row) {
                    anew.process(b"\r\n");
                }
            }
            self.parser = anew;
            self.columns = columns;
        }

        fn shown(&self) -> String {
            let contents = self.parser.screen().contents();
            contents.trim_end().to_owned()
        }
    }

    #[test]
    fn a_terminal_that_becomes_wider_or_narrower_shows_each_line_once() {
        let long = "▸ 1s  a name that is much longer than many a terminal is wide, and then some";
        let bar =
            "1/3 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 9s";
        for widths in [[60, 30, 100], [100, 25, 60], [45, 100, 44], [80, 79, 78]] {
            let mut window = Window::new(widths[0]);
            for columns in widths {
                window.resize(columns);
                for lines in [
                    &[long, "▸ 2s  short", "", bar][..],
                    &[long, bar],
                    &[long, long, bar],
                ] {
                    window.draw(lines);
                    let clipped = |line: &&str| {
                        let line: String = line.chars().take(columns.into()).collect();
                        line.trim_end().to_owned()
                    };
                    let expected: Vec<_> = ["$ marionette run", "FAILED    false"]
                        .iter()
                        .chain(lines)
                        .map(clipped)
                        .collect();
                    assert_eq!(
                        window.shown(),
                        expected.join("\n"),
                        "{columns} of {widths:?}"
                    );
                }
            }
            window.draw(&[]);
            assert_eq!(
                window.shown(),
                "$ marionette run\nFAILED    false",
                "{widths:?}"
            );
        }
    }
}
