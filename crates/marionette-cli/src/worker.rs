//! A worker for commands: a task manager on the store, and a minder for what it runs.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use marionette::{Context, TaskError, TaskManager};
use marionette_sqlite::SqliteStore;

use crate::command::{Command, GRACE_MAX, Success};
use crate::minder::{Attempt, Minder, orphans_have_gone, was_done};
use crate::store::Opened;

/// How much longer than the longest grace an attempt may take to end: its group has to be gone.
const CLEARING_UP: Duration = Duration::from_secs(30);

/// Runs commands from these queues.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) tasks: TaskManager<SqliteStore>,
    minder: Minder,
}

impl Worker {
    /// A worker that has not started.
    pub(crate) fn new(
        opened: &Opened,
        queues: Vec<String>,
        jobs: Option<NonZeroUsize>,
    ) -> Result<Self> {
        let minder = Minder::new(&opened.minders());
        let runner = Arc::new(Runner {
            opened: opened.clone(),
            minder: minder.clone(),
        });
        let tasks = TaskManager::builder()
            .store(opened.store.clone())
            .workers(jobs.unwrap_or_else(processors).get())
            .grace(GRACE_MAX + CLEARING_UP)
            .queues(queues)
            .handle(move |command: Command, context: Context| {
                let runner = Arc::clone(&runner);
                async move { runner.attempt(command, &context).await }
            })
            .build()
            .context("cannot make a worker")?;
        Ok(Self { tasks, minder })
    }

    /// Waits until nothing of any command is left, after the manager was stopped.
    pub(crate) async fn close(self) {
        self.minder.close().await;
    }
}

/// How many commands run at once if nobody says it.
pub(crate) fn processors() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Runs attempts through the minder.
struct Runner {
    opened: Opened,
    minder: Minder,
}

impl Runner {
    async fn attempt(&self, command: Command, context: &Context) -> Result<Success, TaskError> {
        let output = self.opened.output(context.id());
        // The job may come from a worker that was killed a moment ago.
        if let Err(error) = orphans_have_gone(&self.opened.minders()).await {
            return Err(format!("cannot see which minders of commands are there: {error}").into());
        }
        if was_done(&output) {
            return Ok(Success { output_bytes: 0 });
        }
        let grace = command.grace;
        let attempt = Attempt {
            command,
            job: context.id().to_string(),
            number: context.attempt(),
            output,
        };
        let mut begun = self
            .minder
            .begin(attempt)
            .map_err(|error| format!("cannot start the minder of commands: {error}"))?;
        let ended = tokio::select! {
            biased;
            ended = begun.ended() => ended,
            () = context.cancelled() => {
                begun.ask(grace);
                begun.ended().await
            }
        };
        let Some(ended) = ended else {
            return Err("killed: so was the minder of commands".into());
        };
        match ended.failure() {
            // Being asked to end, it may have ended well: what it should do may still be undone.
            None if ended.was_asked => Err("ended when it was asked to".into()),
            None => {
                let output_bytes = ended.output_bytes;
                Ok(Success { output_bytes })
            }
            Some(failure) => Err(failure.into()),
        }
    }
}
