//! An instance for commands: a task manager on the store, and a minder for the commands.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use marionette::inspect::Inspect;
use marionette::{Context, TaskError, TaskId, TaskManager};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::command::{Command, GRACE_MAX, Success};
use crate::console::clock;
use crate::instance::trouble::{StoreTrouble, Trouble};
use crate::minder::{Attempt, Ended, How, Minder, orphans_have_gone};
use crate::output;
use crate::process::lack;
use crate::store::Opened;

/// How much longer than the longest grace an attempt may take to end: its group has to be gone.
pub(crate) const CLEARING_UP: Duration = Duration::from_secs(30);

/// How long to wait before judging a command that was ended from outside: the same signal may be
/// meant for this instance as well, and signals arrive in any order.
const STOP_ARRIVES: Duration = Duration::from_secs(2);

/// How soon a task is tried again that the instance could not begin.
const AGAIN: Duration = Duration::from_secs(1);
/// A task fails once its minder was killed this many times while the task ran, just as a task that
/// takes its instance down as often is quarantined.
const DEATHS_MAX: u32 = 3;

/// Runs the commands in these queues.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) tasks: TaskManager<dyn Inspect>,
    minder: Minder,
    outputs: output::Keeper,
    /// Whether the instance was asked to stop.
    stopping: watch::Sender<bool>,
    /// The trouble that keeps it from beginning tasks.
    pub(crate) trouble: Trouble,
    /// The trouble that keeps it from claiming tasks, once that has lasted.
    pub(crate) store_trouble: StoreTrouble,
    /// The queues that it runs.
    pub(crate) queues: Vec<String>,
}

impl Instance {
    /// An instance that has not started.
    pub(crate) fn new(
        opened: &Opened,
        queues: Vec<String>,
        jobs: Option<NonZeroUsize>,
        keep_outputs: u64,
    ) -> Result<Self> {
        let minder = Minder::new(opened.minders());
        let stopping = watch::Sender::new(false);
        let trouble = Trouble::default();
        let outputs = output::Keeper::begin(opened, keep_outputs);
        let places = output::Places::look(opened.outputs());
        let places = places.map_err(|error| anyhow!(lack::words(&error)));
        let runner = Arc::new(Runner {
            opened: opened.clone(),
            places: places.context("cannot see which outputs are there")?,
            minder: minder.clone(),
            stopping: stopping.subscribe(),
            trouble: trouble.clone(),
            deaths: Mutex::default(),
            outputs: outputs.made(),
        });
        let builder = TaskManager::builder()
            .workers(jobs.unwrap_or_else(processors).get())
            .grace(GRACE_MAX + CLEARING_UP)
            .handle(move |command: Command, context: Context| {
                let runner = Arc::clone(&runner);
                async move { runner.attempt(command, &context).await }
            });
        let tasks = opened.manager(builder, &queues);
        let tasks = tasks.context("cannot make a worker")?;
        Ok(Self {
            tasks,
            minder,
            stopping,
            outputs,
            trouble,
            store_trouble: StoreTrouble::default(),
            queues,
        })
    }

    /// Starts the instance once its minder is ready: until then a signal to all processes would end
    /// the minder too. By then no command is left of instances that were killed with their minders.
    pub(crate) async fn start(&self, opened: &Opened) -> Result<()> {
        let gone = orphans_have_gone(&opened.minders()).await;
        gone.map_err(|error| anyhow!(lack::words(&error)))
            .context("cannot see which minders of commands are there")?;
        match self.minder.start().await {
            Ok(()) => {}
            // A full disk is told elsewhere, and passes.
            Err(unable) if unable.is_full => {}
            Err(unable) => bail!("cannot start the minder of commands: {}", unable.why),
        }
        self.tasks.start();
        Ok(())
    }

    /// The minder that starts the commands.
    pub(crate) fn minder(&self) -> Minder {
        self.minder.clone()
    }

    /// Notes that the instance was asked to stop and claims nothing any more.
    pub(crate) fn is_stopping(&self) {
        self.stopping.send_replace(true);
    }

    /// Waits until nothing of any command is left. Call it after the manager has stopped.
    pub(crate) async fn close(self) {
        self.minder.close().await;
        self.outputs.end().await;
    }
}

/// How many commands run at once by default.
pub(crate) fn processors() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Runs attempts through the minder.
struct Runner {
    opened: Opened,
    /// The places of the outputs.
    places: output::Places,
    minder: Minder,
    stopping: watch::Receiver<bool>,
    trouble: Trouble,
    /// How often the minder of a task was killed while the task ran.
    deaths: Mutex<HashMap<TaskId, u32>>,
    /// Counts the attempts that wrote something.
    outputs: output::WrittenOutputs,
}

impl Runner {
    async fn attempt(&self, command: Command, context: &Context) -> Result<Success, TaskError> {
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
