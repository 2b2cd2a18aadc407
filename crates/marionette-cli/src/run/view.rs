//! What is seen of a run while it goes on: bars on a terminal, else a line for each task that ends.

use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use marionette::{Events, Next};
use tokio::task::JoinHandle;

use super::board::{Board, Running};
use crate::report;
use crate::say::Say;
use crate::text::{clip, count};
use crate::time::show_duration;

/// How many running commands have a line of their own.
const LINES_MAX: usize = 12;
/// A terminal that is narrower than this has no room for all of the bar's figures.
const COLUMNS_FULL: u16 = 70;

/// The bars, if there is a terminal to show them on.
#[derive(Debug)]
pub(super) struct View {
    board: Arc<Board>,
    bars: Option<Bars>,
}

#[derive(Debug)]
struct Bars {
    lines: Vec<ProgressBar>,
    more: ProgressBar,
    overall: ProgressBar,
}

impl View {
    pub(super) fn start(say: &mut Say, board: &Arc<Board>, jobs: usize) -> Self {
        let is_watched = stderr().is_terminal() && !say.quiet && !say.json;
        let bars = is_watched.then(|| {
            let multi = Arc::new(MultiProgress::new());
            say.above(Arc::clone(&multi));
            Bars::new(&multi, board, jobs)
        });
        let board = Arc::clone(board);
        Self { board, bars }
    }

    /// Shows where it stands.
    pub(super) fn draw(&self) {
        let Some(bars) = &self.bars else { return };
        let running = self.board.running();
        for (nth, line) in bars.lines.iter().enumerate() {
            line.set_message(running.get(nth).map(shown).unwrap_or_default());
        }
        let hidden = running.len().saturating_sub(bars.lines.len());
        bars.more.set_message(match hidden {
            0 => String::new(),
            hidden => format!("… and {hidden} more"),
        });
        let tally = self.board.tally();
        bars.overall.set_position(tally.ended() as u64);
        let mut notes = Vec::new();
        if tally.failed > 0 {
            notes.push(format!("{} failed", tally.failed));
        }
        if tally.cancelled > 0 {
            notes.push(format!("{} cancelled", tally.cancelled));
        }
        bars.overall.set_message(notes.join(", "));
    }

    /// Takes the bars away.
    pub(super) fn end(self) {
        let Some(bars) = self.bars else { return };
        for bar in bars.lines.iter().chain([&bars.more, &bars.overall]) {
            bar.finish_and_clear();
        }
    }
}

impl Bars {
    fn new(multi: &MultiProgress, board: &Board, jobs: usize) -> Self {
        let (rows, columns) = console_size();
        let lines = jobs
            .min(LINES_MAX)
            .min(usize::from(rows).saturating_sub(4))
            .max(1);
        let line = || {
            let bar = multi.add(ProgressBar::new_spinner());
            bar.set_style(style("{wide_msg}"));
            bar
        };
        let lines = (0..lines).map(|_| line()).collect();
        let more = line();
        let overall = multi.add(ProgressBar::new(board.total() as u64));
        overall.set_style(style(if columns < COLUMNS_FULL {
            "{pos}/{len} {wide_bar} {eta}"
        } else {
            "{pos}/{len} {wide_bar} {percent}%  {elapsed}, {eta} left  {msg}"
        }));
        // What ended before says nothing about how fast it goes now.
        overall.set_position(board.ended() as u64);
        overall.reset_eta();
        Self {
            lines,
            more,
            overall,
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("it is one of those above, which tests show")
        .progress_chars("━╸ ")
}

fn console_size() -> (u16, u16) {
    let size = rustix::termios::tcgetwinsize(stderr());
    size.map_or((24, 80), |size| (size.ws_row, size.ws_col))
}

fn shown(running: &Running) -> String {
    let again = match running.attempt {
        1 => String::new(),
        attempt => format!(" (attempt {attempt})"),
    };
    // Whole seconds: what changes ten times a second cannot be read.
    let seconds = running.since.elapsed().as_secs();
    let time = match seconds {
        0..10 => format!("{seconds}s"),
        seconds => show_duration(Duration::from_secs(seconds)),
    };
    format!("▸ {time:>7}  {}{again}", clip(&running.name, 200))
}

/// Tells what happens, until the manager is gone.
pub(super) fn tell(mut events: Events, board: &Arc<Board>, say: &Say) -> JoinHandle<()> {
    let (board, say) = (Arc::clone(board), say.clone());
    tokio::spawn(async move {
        while let Some(next) = events.next().await {
            match next {
                Next::Event(event) => {
                    board.hear(&event);
                    report::tell(&event, &say);
                }
                Next::Lost(events) => {
                    let events = count(usize::try_from(events).unwrap_or(usize::MAX), "event");
                    say.note(&format!(
                        "{events} came too fast to be told; the summary has all"
                    ));
                }
                _ => {}
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_right() {
        for template in ["{wide_msg}", "{pos}/{len} {wide_bar} {eta}"] {
            style(template);
        }
        style("{pos}/{len} {wide_bar} {percent}%  {elapsed}, {eta} left  {msg}");
    }
}
