//! `TaskManagerBuilder`: the settings of a manager, among them its store, its queues and its job
//! handlers.
//! `build` checks them, and one error names everything that is wrong.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Wall;
use crate::config::{Config, ConfigError, ConfigProblem};
use crate::durable::Durable;
use crate::engine::Engine;
use crate::manager::Memory;
use crate::manager::TaskManager;
use crate::schedule::timekeeper::Precision;
use crate::store::{Name, Store};
use crate::task::handlers::Handlers;
use crate::task::job::{Job, JobHandler};
use crate::task::registry::Registry;

/// Builds a [`TaskManager`]: made by [`TaskManager::builder`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use marionette::TaskManager;
///
/// let tasks = TaskManager::builder()
///     .workers(16)
///     .queue_size(1_000)
///     .server_name("mailer")
///     .grace(Duration::from_secs(10))
///     .build()?;
/// # Ok::<(), marionette::ConfigError>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct TaskManagerBuilder<S: ?Sized = Memory> {
    config: Config,
    grace: Duration,
    precision: Precision,
    wall: Wall,
    registry: Registry,
    build_info: Option<String>,
    /// Empty means all queues.
    queues: Vec<Name>,
    store: Arc<S>,
}

impl Default for TaskManagerBuilder {
    fn default() -> Self {
        Self {
            config: Config::default(),
            grace: Duration::from_secs(5),
            precision: Precision::default(),
            wall: Wall::default(),
            registry: Registry::default(),
            build_info: None,
            queues: Vec::new(),
            store: Arc::new(Memory),
        }
    }
}

impl<S: ?Sized> TaskManagerBuilder<S> {
    /// Takes every setting of this config. Default is [`Config::default`], which also stands for a
    /// config that [is zero](Config::is_zero).
    pub fn config(self, config: Config) -> Self {
        Self {
            config: config.or_default(),
            ..self
        }
    }

    /// The number of workers. Default is 4.
    pub fn workers(mut self, workers: usize) -> Self {
        self.config.workers = workers;
        self
    }

    /// How many tasks may wait for a worker before `queue` waits too. Default is 64; zero hands
    /// each task directly to a free worker.
    pub fn queue_size(mut self, queue_size: usize) -> Self {
        self.config.queue_size = queue_size;
        self
    }

    /// The name in every span and event. Default is "marionette".
    pub fn server_name(mut self, server_name: impl Into<String>) -> Self {
        self.config.server_name = server_name.into();
        self
    }

    /// The build of the application, in its own words, for people who look at the
    /// [instances](crate::store::inspect::Inspect::instances) of a store. Default is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{MemoryStore, TaskManager};
    ///
    /// let tasks = TaskManager::builder()
    ///     .build_info(concat!("mailer ", env!("CARGO_PKG_VERSION")))
    ///     .store(MemoryStore::new())
    ///     .build()?;
    /// # Ok::<(), marionette::ConfigError>(())
    /// ```
    pub fn build_info(mut self, build: impl Into<String>) -> Self {
        self.build_info = Some(build.into());
        self
    }

    /// How long an attempt may still run after it was asked to end: by its timeout, by a
    /// cancellation, or by a stop with a limit. After that its future is dropped. Default is 5 s.
    pub fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// Keeps the time of future tasks to within microseconds, with a thread of its own. Default is
    /// the timer of the runtime, which counts whole milliseconds.
    ///
    /// The thread goes by real time, so this setting is not for tests on a paused clock.
    pub fn precise(mut self) -> Self {
        self.precision = Precision::Microseconds;
        self
    }

    /// The wall clock that schedules follow, for tests that step it. Default is the system's.
    #[cfg(feature = "test-util")]
    pub fn wall_clock(self, clock: &crate::manager::testing::WallClock) -> Self {
        Self {
            wall: clock.0.clone(),
            ..self
        }
    }

    /// Registers the handler of the jobs of one type. A manager can have any number of types, and
    /// has one handler for each.
    ///
    /// A manager with a store claims only jobs of the kinds that it has handlers for. A manager
    /// without handlers stores jobs, and runs none.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Context, Job, TaskManager};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct SendMail { to: String }
    /// # impl Job for SendMail { const KIND: &'static str = "send_mail"; type Output = (); }
    /// # async fn send_the_mail(_: &str) -> std::io::Result<()> { Ok(()) }
    ///
    /// let tasks = TaskManager::builder()
    ///     .handle(async |mail: SendMail, _: Context| Ok(send_the_mail(&mail.to).await?))
    ///     .build()?;
    /// # Ok::<(), marionette::ConfigError>(())
    /// ```
    pub fn handle<J: Job>(mut self, handler: impl JobHandler<J>) -> Self {
        self.registry.handlers.add(handler);
        self
    }

    /// Registers all these handlers, which were collected elsewhere.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Context, Handlers, Job, TaskManager};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct SendMail { to: String }
    /// # impl Job for SendMail { const KIND: &'static str = "send_mail"; type Output = (); }
    ///
    /// fn mails() -> Handlers {
    ///     Handlers::new().handle(async |_: SendMail, _: Context| Ok(()))
    /// }
    ///
    /// let tasks = TaskManager::builder().handlers(mails()).build()?;
    /// # Ok::<(), marionette::ConfigError>(())
    /// ```
    pub fn handlers(mut self, handlers: Handlers) -> Self {
        self.registry.handlers.append(handlers);
        self
    }

    /// Fails with everything that is wrong with the settings and the handlers.
    fn problems(&self) -> Result<(), ConfigError> {
        let jobs = self.registry.problems().map(ConfigProblem::from);
        ConfigError::unless_empty(self.config.problems().into_iter().chain(jobs).collect())
    }

    fn into_engine(self) -> (Arc<Engine>, Arc<S>) {
        let mut engine = Engine::new(self.config, self.grace, self.wall, self.precision);
        engine.registry = Arc::new(self.registry);
        (Arc::new(engine), self.store)
    }
}

impl TaskManagerBuilder {
    /// The store where jobs wait and are kept. Default is none.
    ///
    /// With a store, the manager takes [`Job`]s and nothing else, and accepted jobs survive
    /// whatever the store survives.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{MemoryStore, TaskManager};
    ///
    /// let tasks = TaskManager::builder()
    ///     .store(MemoryStore::default())
    ///     .queues(["mail", "reports"])
    ///     .queue_limit("mail", 100_000)
    ///     .build()?;
    /// # Ok::<(), marionette::ConfigError>(())
    /// ```
    pub fn store<S: Store>(self, store: S) -> TaskManagerBuilder<S> {
        TaskManagerBuilder {
            config: self.config,
            grace: self.grace,
            precision: self.precision,
            wall: self.wall,
            registry: self.registry,
            build_info: self.build_info,
            queues: self.queues,
            store: Arc::new(store),
        }
    }

    /// Checks the settings and makes the manager, which is not running yet.
    ///
    /// # Errors
    ///
    /// As [`Config::validate`]; also when a kind of job has more than one handler, or a kind has an
    /// invalid name. One message names everything that is wrong.
    pub fn build(self) -> Result<TaskManager, ConfigError> {
        self.problems()?;
        let (engine, store) = self.into_engine();
        Ok(TaskManager::from_parts(engine, None, store))
    }
}

impl<S: Store> TaskManagerBuilder<S> {
    /// The queues on which this manager works. Default is [all](Self::all_queues). The manager may
    /// still store jobs in any queue.
    pub fn queues(mut self, queues: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let registry = &mut self.registry;
        let names = queues.into_iter();
        self.queues = names
            .filter_map(|queue| registry.queue_name(queue.into()))
            .collect();
        self
    }

    /// Works on all queues, including those that are created later. This is the default.
    ///
    /// A queue is created when a job is put into it. Thousands of queues, such as one for each
    /// tenant, cost next to nothing while they are empty. Queues that are
    /// [paused](crate::store::inspect::Inspect::pause_queue) are left alone.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{MemoryStore, TaskManager};
    ///
    /// let some = TaskManager::builder().store(MemoryStore::new()).queues(["mail"]);
    /// let tasks = some.clone().all_queues().build()?;
    /// # Ok::<(), marionette::ConfigError>(())
    /// ```
    pub fn all_queues(mut self) -> Self {
        self.queues.clear();
        self
    }

    /// How many jobs may wait in a queue. Default is no limit.
    ///
    /// When the queue is full, this manager waits before it stores more jobs
    /// ([`Submit::wait_at_most`]), or refuses them ([`Submit::try_now`]).
    ///
    /// The limit applies only to jobs that this manager stores: give the same limit to every
    /// manager that stores jobs in that queue.
    ///
    /// [`Submit::wait_at_most`]: crate::Submit::wait_at_most
    /// [`Submit::try_now`]: crate::Submit::try_now
    pub fn queue_limit(mut self, queue: impl Into<String>, jobs: u64) -> Self {
        self.registry.limit_queue(queue.into(), jobs);
        self
    }

    /// Checks the settings and makes the manager, which is not running yet.
    ///
    /// The manager takes jobs at once. It works on them once it is [started](TaskManager::start),
    /// if it has handlers.
    ///
    /// # Errors
    ///
    /// As [`Config::validate`]; also when a kind of job has more than one handler, when a kind or a
    /// queue has an invalid name, or when the limit of a queue is zero. One message names
    /// everything that is wrong.
    pub fn build(self) -> Result<TaskManager<S>, ConfigError> {
        self.problems()?;
        let queues = self.queues.as_slice().into();
        let build_info = self.build_info.clone();
        let (engine, store) = self.into_engine();
        let durable = Durable::new(
            Arc::clone(&store) as Arc<dyn Store>,
            Arc::clone(&engine),
            Arc::clone(&engine.registry),
            queues,
        )
        .build_info(build_info);
        let durable = Some(Arc::new(durable));
        Ok(TaskManager::from_parts(engine, durable, store))
    }
}

impl<S: ?Sized> Clone for TaskManagerBuilder<S> {
    fn clone(&self) -> Self {
        Self {
            config: self.config.clone(),
            grace: self.grace,
            precision: self.precision,
            wall: self.wall.clone(),
            registry: self.registry.clone(),
            build_info: self.build_info.clone(),
            queues: self.queues.clone(),
            store: Arc::clone(&self.store),
        }
    }
}

impl<S: ?Sized> fmt::Debug for TaskManagerBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskManagerBuilder")
            .field("config", &self.config)
            .field("grace", &self.grace)
            .field("precision", &self.precision)
            .field("handlers", &self.registry)
            .field("queues", &self.queues)
            .finish_non_exhaustive()
    }
}
