//! Turns a task of a file or of the command line into a job for the store.

use std::time::Duration;

use anyhow::{Result, bail};
use marionette::store::{Due as When, Name, NewJob, PAYLOAD_BYTES_MAX};
use marionette::{Job, Payload, TaskId};

use crate::command::Command;
use crate::input::{Due, Task};

/// The kind of every task.
const KIND: Name = Name::from_static(Command::KIND);
/// The queue of a task that names none.
pub(crate) const DEFAULT_QUEUE: Name = Name::from_static("default");
/// The width of a command that serves as the name of its task.
const NAME_COLUMNS: usize = 200;

/// The job of a task, in this queue unless the task names one itself.
pub(crate) fn job(id: TaskId, task: &Task, queue: &Name) -> Result<NewJob> {
    let options = &task.options;
    let payload = match task.command.encode() {
        Ok(payload) => payload,
        Err(error) => bail!("the command cannot be stored: {error}"),
    };
    if payload.len() > PAYLOAD_BYTES_MAX {
        bail!(
            "the command has {} bytes, the limit is {PAYLOAD_BYTES_MAX}",
            payload.len()
        );
    }
    let mut asked = options.job.clone();
    asked.name = Some(crate::console::text::clip(&task.title(), NAME_COLUMNS));
    Ok(NewJob::new(KIND, payload)
        .id(id)
        .queue(options.queue.as_ref().unwrap_or(queue).clone())
        .priority(options.priority)
        .due(match &options.due {
            None | Some(Due::After(Duration::ZERO)) => When::Now,
            Some(Due::After(delay)) => When::After(*delay),
            Some(Due::At(when)) => When::At(when.time),
        })
        .options(asked))
}
