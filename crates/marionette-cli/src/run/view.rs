//! Shows a run while it goes on: bars on a terminal, else a line for each task that ends.

use std::io::{IsTerminal, stderr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use marionette::event::{Events, Received};
use tokio::task::JoinHandle;

use super::progress::{Progress, RunningTask, Tally};
use super::screen;
use crate::console::Console;
use crate::console::glyphs;
use crate::console::report;
use crate::console::text::{clip, count};
use crate::console::time::show_duration;

/// The highest number of running commands with a line of their own.
const LINES_MAX: usize = 12;
/// A terminal that is narrower than this has no room for all of the bar's figures.
const COLUMNS_FULL: u16 = 70;

/// The bars, if there is a terminal to show them on.
#[derive(Debug)]
pub(super) struct View {
    progress: Arc<Progress>,
    bars: Option<Bars>,
}

/// A line for each running command, and below them the progress of the whole run.
#[derive(Debug)]
struct Bars {
    multi: Arc<MultiProgress>,
    lines: Mutex<Vec<ProgressBar>>,
    lines_max: usize,
    overall: ProgressBar,
}

impl View {
    pub(super) fn start(console: &mut Console, progress: &Arc<Progress>) -> Self {
        let is_watched = stderr().is_terminal() && !console.quiet && !console.json;
        let bars = is_watched.then(|| {
            let multi = Arc::new(MultiProgress::with_draw_target(screen::target()));
            console.above(Arc::clone(&multi));
            Bars::new(multi, progress)
        });
        let progress = Arc::clone(progress);
        Self { progress, bars }
    }

    /// Draws the bars anew.
    pub(super) fn draw(&self) {
        if let Some(bars) = &self.bars {
            let tally = self.progress.tally();
            let left = self.progress.total().saturating_sub(tally.ended());
            bars.show_running(&self.progress.running(), left);
            bars.show_overall(tally);
        }
    }

    /// Takes the bars away.
    pub(super) fn end(self) {
        if let Some(bars) = self.bars {
            bars.show_running(&[], 0);
            bars.overall.finish_and_clear();
        }
    }
}

impl Bars {
    fn new(multi: Arc<MultiProgress>, progress: &Progress) -> Self {
        let (rows, columns) = screen::size();
        let overall = multi.add(ProgressBar::new(progress.total() as u64));
        overall.set_style(overall_style(columns));
        // The tasks that ended before say nothing about the speed now.
        overall.set_position(progress.ended() as u64);
        overall.reset_eta();
        Self {
            multi,
            lines: Mutex::default(),
            lines_max: usize::from(rows).saturating_sub(4).clamp(1, LINES_MAX),
            overall,
        }
    }

    fn show_running(&self, running: &[RunningTask], left: usize) {
        let mut texts: Vec<_> = running.iter().take(self.lines_max).map(shown).collect();
        let hidden = running.len() - texts.len();
        if hidden > 0 {
            texts.push(format!("… and {hidden} more"));
        }
        if running.is_empty() && left > 0 {
            texts.push(format!("nothing is due: {} to come", count(left, "task")));
        }
        // Nothing that holds the lock can leave it half done.
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = texts.len().min(lines.len());
        for surplus in lines.drain(kept..) {
            surplus.finish_and_clear();
            self.multi.remove(&surplus);
        }
        for (nth, text) in texts.into_iter().enumerate() {
            if nth == lines.len() {
                let line = ProgressBar::new_spinner().with_style(style("{wide_msg}"));
                lines.push(self.multi.insert_before(&self.overall, line));
            }
            lines[nth].set_message(glyphs::shown(&text).into_owned());
        }
    }

    fn show_overall(&self, tally: Tally) {
        let mut notes = Vec::new();
        if tally.failed > 0 {
            notes.push(format!("{} failed", tally.failed));
        }
        if tally.cancelled > 0 {
            notes.push(format!("{} cancelled", tally.cancelled));
        }
        // The terminal may have become wider or narrower.
        self.overall.set_style(overall_style(screen::size().1));
        self.overall.set_message(notes.join(", "));
        self.overall.set_position(tally.ended() as u64);
    }
}

fn overall_style(columns: u16) -> ProgressStyle {
    style(if columns < COLUMNS_FULL {
        "{pos}/{len} {wide_bar} {eta}"
    } else {
        "{pos}/{len} {wide_bar} {percent}%  {elapsed}, {eta} left  {msg}"
    })
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("it is one of those above, which tests show")
        .progress_chars(glyphs::bar())
}

fn shown(running: &RunningTask) -> String {
    let again = match running.attempt {
        1 => String::new(),
        attempt => format!(" (attempt {attempt})"),
    };
    // Whole seconds: a figure that changes ten times a second cannot be read.
    let seconds = running.since.elapsed().as_secs();
    let time = match seconds {
        0..10 => format!("{seconds}s"),
        seconds => show_duration(Duration::from_secs(seconds)),
    };
    let mark = glyphs::running();
    format!("{mark} {time:>7}  {}{again}", clip(&running.name, 200))
}

/// Prints what happens until the manager is gone.
pub(super) fn tell(
    mut events: Events,
    progress: &Arc<Progress>,
    console: &Console,
) -> JoinHandle<()> {
    let (progress, console) = (Arc::clone(progress), console.clone());
    tokio::spawn(async move {
        while let Some(next) = events.recv().await {
            match next {
                Received::Event(event) => {
                    progress.hear(&event);
                    report::tell(&event, &console);
                }
                Received::Lost(events) => {
                    let events = count(usize::try_from(events).unwrap_or(usize::MAX), "event");
                    console.note(&format!(
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
