//! How an instance runs one attempt of a command, through its minder.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use marionette::{Context, TaskError, TaskId};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::command::{Command, Success};
use crate::console::clock;
use crate::instance::trouble::Trouble;
use crate::minder::{Attempt, Ended, How, Minder, orphans_have_gone};
use crate::output;
use crate::process::lack;
use crate::store::Opened;

/// How long to wait before judging a command that was ended from outside: the same signal may be
/// meant for this instance as well, and signals arrive in any order.
const STOP_ARRIVES: Duration = Duration::from_secs(2);

/// How soon a task is tried again that the instance could not begin.
const AGAIN: Duration = Duration::from_secs(1);
/// A task fails once its minder was killed this many times while the task ran, just as a task that
/// takes its instance down as often is quarantined.
const DEATHS_MAX: u32 = 3;

/// Runs attempts through the minder.
pub(super) struct Runner {
    pub(super) opened: Opened,
    /// The places of the outputs.
    pub(super) places: output::Places,
    pub(super) minder: Minder,
    pub(super) stopping: watch::Receiver<bool>,
    pub(super) trouble: Trouble,
    /// How often the minder of a task was killed while the task ran.
    pub(super) deaths: Mutex<HashMap<TaskId, u32>>,
    /// Counts the attempts that wrote something.
    pub(super) outputs: output::WrittenOutputs,
}

impl Runner {
    pub(super) async fn attempt(
        &self,
        command: Command,
        context: &Context,
    ) -> Result<Success, TaskError> {
        let id = context.id();
        let output = self.places.of(id);
        // The job may come from an instance that was killed a moment ago.
        if let Err(error) = orphans_have_gone(&self.opened.minders()).await {
            let error = lack::words(&error);
            let why = format!("cannot see which minders of commands are there: {error}");
            return Err(self.hindered(id, why));
        }
        let grace = command.grace;
        let attempt = Attempt {
            command,
            job: context.id().to_string(),
            number: context.attempt(),
            output,
        };
        let mut begun = match self.minder.begin(attempt) {
            Ok(begun) => begun,
            Err(error) => {
                let error = lack::words(&error);
                let why = format!("cannot start the minder of commands: {error}");
                return Err(self.hindered(id, why));
            }
        };
        let mut was_ended_here = false;
        let ended = tokio::select! {
            biased;
            ended = begun.ended() => ended,
            () = context.cancelled() => {
                was_ended_here = true;
                begun.end(grace).await
            }
        };
        let Some(ended) = ended else {
            return Err(self.without_minder(id, begun.is_blameless()));
        };
        self.deaths().remove(&context.id());
        if ended.output_bytes > 0 {
            self.outputs.note(context.id());
        }
        if let How::Hindered(why) = &ended.how {
            return Err(self.hindered(id, why.clone()));
        }
        self.trouble.is_over_for(id);
        match ended.failure() {
            // A command that was asked to end may have ended well with a part of its work undone.
            None if ended.was_asked => Err("ended when it was asked to".into()),
            None => Ok(Success {
                output_bytes: ended.output_bytes,
                output_is_cut: ended.is_cut,
            }),
            Some(_) if !was_ended_here && self.is_of_a_stop(&ended).await => {
                Err(TaskError::snooze(Duration::ZERO))
            }
            // The minder has taken the secrets out of the failure; the instance never looks them
            // up.
            Some(failure) => Err(failure.into()),
        }
    }

    /// The instance cannot begin a task, which is no failure of the task.
    fn hindered(&self, task: TaskId, why: String) -> TaskError {
        self.trouble.puts_off(task, why);
        TaskError::snooze(AGAIN)
    }

    /// The minder of a task is gone, and with it the command. The task is tried again, but not for
    /// ever, since it may be the cause.
    fn without_minder(&self, task: TaskId, is_blameless: bool) -> TaskError {
        if let Some(why) = self.minder.unable() {
            let why = format!("cannot start the minder of commands: {why}");
            return self.hindered(task, why);
        }
        if is_blameless {
            return self.hindered(
                task,
                "the minder of commands has ended by itself".to_owned(),
            );
        }
        let mut deaths = self.deaths();
        let times = deaths.entry(task).or_default();
        *times += 1;
        if *times < DEATHS_MAX {
            return TaskError::snooze(Duration::ZERO);
        }
        let times = *times;
        deaths.remove(&task);
        format!("killed: so was the minder of commands, {times} times").into()
    }

    fn deaths(&self) -> MutexGuard<'_, HashMap<TaskId, u32>> {
        // No holder of the lock can leave the data half changed.
        self.deaths.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a command failed because everything is being stopped: the signal may reach the
    /// command, its minder and this process in any order. A command that fails by a signal of its
    /// own just then looks the same, so it is tried again rather than given up.
    async fn is_of_a_stop(&self, ended: &Ended) -> bool {
        let is_sent = ended.how.is_sent().then(clock::tick);
        let Some(signalled) = is_sent.or_else(|| self.minder.signalled()) else {
            return *self.stopping.borrow() && matches!(ended.how, How::Signal(_));
        };
        let mut stopping = self.stopping.clone();
        let stops = stopping.wait_for(|stops| *stops);
        let patience = STOP_ARRIVES.saturating_sub(signalled.elapsed());
        let stops = timeout(patience, stops).await;
        stops.is_ok_and(|stops| stops.is_ok())
    }
}
