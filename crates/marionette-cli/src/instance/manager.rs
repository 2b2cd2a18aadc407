//! An instance for commands: a task manager on the store, and a minder for the commands.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use marionette::store::{Name, Store};
use marionette::{Context, TaskManager};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::command::{Command, GRACE_MAX};
use crate::instance::runner::Runner;
use crate::instance::trouble::{StoreTrouble, Trouble};
use crate::instance::whereabouts;
use crate::minder::{Minder, orphans_have_gone};
use crate::output;
use crate::process::lack;
use crate::store::Opened;

/// How much longer than the longest grace an attempt may take to end: its group has to be gone.
pub(crate) const CLEARING_UP: Duration = Duration::from_secs(30);

/// How long the store may take to note where an instance runs.
const NOTING: Duration = Duration::from_secs(2);

/// Runs the commands in these queues.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) tasks: TaskManager<dyn Store>,
    minder: Minder,
    outputs: output::Keeper,
    /// Whether the instance was asked to stop.
    stopping: watch::Sender<bool>,
    /// The trouble that keeps it from beginning tasks.
    pub(crate) trouble: Trouble,
    /// The trouble that keeps it from claiming tasks, once that has lasted.
    pub(crate) store_trouble: StoreTrouble,
    /// The queues that it runs.
    pub(crate) queues: Vec<Name>,
}

impl Instance {
    /// An instance that has not started.
    pub(crate) fn new(
        opened: &Opened,
        queues: Vec<Name>,
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
        if let Some(instance) = self.tasks.instance() {
            // Without it nobody knows later where it ran, but it runs.
            let _ = timeout(NOTING, whereabouts::note(opened, instance.id)).await;
        }
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
