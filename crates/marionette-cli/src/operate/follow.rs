//! `marionette follow`: prints the output of a task's commands while they write it.

use std::time::Duration;

use anyhow::Result;
use marionette::TaskId;
use marionette::inspect::JobSummary;
use marionette::store::JobState;
use tokio::time::sleep;

use crate::args::operate::Follow;
use crate::command::Veil;
use crate::console;
use crate::console::text::safe_lines;
use crate::minder::Follower;
use crate::output;
use crate::store::explain;

use super::ids;
use super::operator::Operator;
use super::readable::veil;

/// How often to look for more output.
const LOOK: Duration = Duration::from_millis(100);

pub(super) async fn follow(operator: &Operator, args: &Follow) -> Result<u8> {
    let texts = [args.id.clone()];
    let found = ids::find(&*operator.opened.store, &texts).await?;
    let [(_, Some(id))] = found.as_slice() else {
        operator.console.warn(&ids::unknown(&args.id));
        return Ok(1);
    };
    let mut follower = Follower::new(output::of(&operator.opened.outputs(), *id));
    let details = operator.opened.store.job(*id).await.map_err(explain)?;
    let mut printer = Printer {
        is_raw: args.raw,
        veil: details.as_ref().map(veil).unwrap_or_default(),
        line: Vec::new(),
    };
    loop {
        // Before the output is read: all output of a task that has ended is there by then.
        let Some(job) = summary(operator, *id).await? else {
            operator.console.warn("the task was deleted");
            return Ok(1);
        };
        let mut is_more = false;
        loop {
            let bytes = follower.more()?;
            if bytes.is_empty() {
                break;
            }
            is_more = true;
            if !printer.print(&bytes) {
                return Ok(0);
            }
        }
        if job.state.is_end() || args.no_wait {
            printer.end();
            return Ok(u8::from(job.state != JobState::Done && !args.no_wait));
        }
        if !is_more {
            sleep(LOOK).await;
        }
    }
}

/// The summary of a task; `None` if the task was deleted.
async fn summary(operator: &Operator, id: TaskId) -> Result<Option<JobSummary>> {
    let details = operator.opened.store.job(id).await.map_err(explain)?;
    Ok(details.map(|details| details.summary))
}

/// Prints lines once they are whole, since a part of a character cannot be shown.
struct Printer {
    is_raw: bool,
    veil: Veil,
    line: Vec<u8>,
}

/// The length from which on a line is printed before it ends.
const LINE_BYTES_MAX: usize = 64 * 1024;

impl Printer {
    /// Prints bytes; returns whether anybody still reads.
    fn print(&mut self, bytes: &[u8]) -> bool {
        if self.is_raw {
            return write(bytes);
        }
        self.line.extend_from_slice(bytes);
        let whole = match self.line.iter().rposition(|&byte| byte == b'\n') {
            Some(end) => end + 1,
            None if self.line.len() > LINE_BYTES_MAX => self.line.len(),
            None => return true,
        };
        let lines: Vec<_> = self.line.drain(..whole).collect();
        self.write_safe(&lines)
    }

    fn write_safe(&self, lines: &[u8]) -> bool {
        let text = String::from_utf8_lossy(lines);
        write(safe_lines(&self.veil.over(&text)).as_bytes())
    }

    fn end(&mut self) {
        if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.write_safe(&line);
            write(b"\n");
        }
    }
}

fn write(bytes: &[u8]) -> bool {
    console::print_bytes(bytes).is_ok()
}
