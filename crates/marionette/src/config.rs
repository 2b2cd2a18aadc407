//! The settings of a manager, and the only place that checks them.

use std::fmt;
use std::str::FromStr;

/// How a process sizes its manager: each process its own.
///
/// # Examples
///
/// ```
/// use marionette::Config;
///
/// let config = Config { workers: 8, ..Config::default() };
/// assert_eq!((config.queue_size, config.server_name.as_str()), (64, "marionette"));
/// assert!(Config { workers: 0, ..Config::default() }.validate().unwrap_err().is_no_workers());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
pub struct Config {
    /// The number of workers, each of which runs one task at a time. Default is 4.
    pub workers: usize,
    /// The number of tasks that wait for a worker before `queue` waits too. Default is 64; zero
    /// hands each task over to a free worker.
    pub queue_size: usize,
    /// The name under which this manager appears in every span and event. Default is "marionette".
    pub server_name: String,
}

/// More workers than this are a mistake: each is a task of the runtime.
const WORKERS_MAX: usize = 65_536;
/// More waiting tasks than this are a mistake: they belong into a store.
const QUEUE_SIZE_MAX: usize = 1 << 30;

impl Default for Config {
    fn default() -> Self {
        Self {
            workers: 4,
            queue_size: 64,
            server_name: "marionette".to_owned(),
        }
    }
}

impl Config {
    /// The settings from environment variables under this prefix: with `"MARIONETTE"` they are
    /// `MARIONETTE_WORKERS`, `MARIONETTE_QUEUE_SIZE` and `MARIONETTE_SERVER_NAME`. What is not set
    /// has its default. An empty prefix means no prefix.
    ///
    /// # Errors
    ///
    /// A value that is not what was expected: the message names the variable, the value and what
    /// was expected, for all that are wrong.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::Config;
    ///
    /// let config = Config::from_env("MARIONETTE")?;
    /// # Ok::<(), marionette::ConfigError>(())
    /// ```
    pub fn from_env(prefix: &str) -> Result<Self, ConfigError> {
        Self::from_lookup(prefix, |variable| std::env::var_os(variable))
    }

    fn from_lookup(
        prefix: &str,
        lookup: impl Fn(&str) -> Option<std::ffi::OsString>,
    ) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        let mut problems = Vec::new();
        for setting in &SETTINGS {
            let variable = setting.variable(prefix);
            let Some(value) = lookup(&variable) else {
                continue;
            };
            let value = value.to_string_lossy();
            if (setting.set)(&mut config, value.trim()).is_err() {
                let expected = setting.expected;
                problems.push(Problem::Variable {
                    variable,
                    value: value.into_owned(),
                    expected,
                });
            }
        }
        problems.extend(config.problems());
        ConfigError::unless_empty(problems)?;
        Ok(config)
    }

    /// A text that describes each variable of [`from_env`](Self::from_env), for `--help`.
    ///
    /// # Examples
    ///
    /// ```
    /// println!("{}", marionette::Config::env_help("MARIONETTE"));
    /// ```
    #[must_use]
    pub fn env_help(prefix: &str) -> String {
        let lines = SETTINGS.iter().map(|setting| {
            let variable = setting.variable(prefix);
            format!(
                "{variable:<24} {} (default {})\n",
                setting.description, setting.default
            )
        });
        lines.collect()
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// No workers, no server name, or a count beyond all reason (65,536 workers, 2³⁰ waiting
    /// tasks); the message names all that is wrong.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::unless_empty(self.problems())
    }

    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.workers == 0 {
            problems.push(Problem::NoWorkers);
        }
        if self.workers > WORKERS_MAX {
            problems.push(Problem::TooMany("workers", self.workers, WORKERS_MAX));
        }
        if self.queue_size > QUEUE_SIZE_MAX {
            problems.push(Problem::TooMany(
                "queue size",
                self.queue_size,
                QUEUE_SIZE_MAX,
            ));
        }
        if self.server_name.trim().is_empty() {
            problems.push(Problem::NoServerName);
        }
        problems
    }

    /// Whether nothing is set: no workers, no queue, no name. Such a config means the defaults.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.workers == 0 && self.queue_size == 0 && self.server_name.is_empty()
    }

    /// This config, or the defaults if it is zero.
    pub(crate) fn or_default(self) -> Self {
        if self.is_zero() {
            Self::default()
        } else {
            self
        }
    }
}

/// One variable of the environment.
struct Setting {
    name: &'static str,
    description: &'static str,
    default: &'static str,
    expected: &'static str,
    set: fn(&mut Config, &str) -> Result<(), ()>,
}

const SETTINGS: [Setting; 3] = [
    Setting {
        name: "WORKERS",
        description: "the number of workers, each of which runs one task at a time",
        default: "4",
        expected: "a whole number of 1 or more",
        set: |config, value| parse(value, &mut config.workers),
    },
    Setting {
        name: "QUEUE_SIZE",
        description: "the number of tasks that wait for a worker before queueing waits too",
        default: "64",
        expected: "a whole number of 0 or more",
        set: |config, value| parse(value, &mut config.queue_size),
    },
    Setting {
        name: "SERVER_NAME",
        description: "the name of this task manager in the log",
        default: "marionette",
        expected: "a text that is not empty",
        set: |config, value| parse(value, &mut config.server_name),
    },
];

impl Setting {
    fn variable(&self, prefix: &str) -> String {
        match prefix {
            "" => self.name.to_owned(),
            _ => format!("{prefix}_{}", self.name),
        }
    }
}

fn parse<T: FromStr>(value: &str, setting: &mut T) -> Result<(), ()> {
    *setting = value.parse().map_err(|_| ())?;
    Ok(())
}

/// Settings that cannot work. Its message names everything that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    NoWorkers,
    NoServerName,
    TooMany(&'static str, usize, usize),
    Variable {
        variable: String,
        value: String,
        expected: &'static str,
    },
    /// About handlers and queues.
    Jobs(String),
}

impl ConfigError {
    pub(crate) fn unless_empty(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Self { problems })
        }
    }

    /// Whether no worker was specified.
    #[must_use]
    pub fn is_no_workers(&self) -> bool {
        self.problems.contains(&Problem::NoWorkers)
    }

    /// Whether no server name was specified.
    #[must_use]
    pub fn is_no_server_name(&self) -> bool {
        self.problems.contains(&Problem::NoServerName)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid configuration: ")?;
        for (nth, problem) in self.problems.iter().enumerate() {
            if nth > 0 {
                f.write_str("; ")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWorkers => f.write_str("at least one worker must be specified"),
            Self::NoServerName => f.write_str("no server name specified"),
            Self::TooMany(what, count, max) => {
                write!(f, "{what} of {count} exceeds the maximum of {max}")
            }
            Self::Variable {
                variable,
                value,
                expected,
            } => {
                write!(f, "{variable} is {value:?}, expected {expected}")
            }
            Self::Jobs(problem) => f.write_str(problem),
        }
    }
}

impl std::error::Error for ConfigError {}
