//! The settings of a manager, and the only place that checks them.

use std::ffi::OsStr;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The settings by which a process sizes its manager: each process has its own.
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
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
/// More waiting tasks than this are a mistake: they belong in a store.
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
    /// `MARIONETTE_WORKERS`, `MARIONETTE_QUEUE_SIZE` and `MARIONETTE_SERVER_NAME`. The prefix is
    /// read in upper case, so `"marionette"` means the same. A setting without a variable has its
    /// default; white space around a value counts for nothing. An empty prefix means no prefix.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for a value that is not Unicode or not what was expected. The message names
    /// each such variable, its value and what was expected.
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
        let mut config = Self::default();
        let mut problems = Vec::new();
        for setting in &SETTINGS {
            let variable = setting.variable(prefix);
            let Some(value) = std::env::var_os(&variable) else {
                continue;
            };
            let text = value.to_str().map(str::trim);
            let read = text.and_then(|text| (setting.read)(&mut config, text));
            let fault = match read {
                Some(()) => (setting.fault)(&config),
                None => Some(Fault::Other),
            };
            problems.extend(fault.map(|fault| ConfigProblem {
                text: setting.wrong(&variable, &value),
                kind: setting.kind(fault),
            }));
        }
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
    /// [`ConfigError`] for no workers, no server name, or a count beyond all reason (65,536
    /// workers, 2³⁰ waiting tasks). The message names each setting that is wrong, its value and
    /// what was expected.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::unless_empty(self.problems())
    }

    pub(crate) fn problems(&self) -> Vec<ConfigProblem> {
        let problem = |setting: &Setting| {
            let fault = (setting.fault)(self)?;
            let (field, value) = (setting.name.to_lowercase(), (setting.show)(self));
            let mut text = format!("{field} is {value}, expected {}", setting.expected);
            if fault == Fault::Lacks {
                text = format!("{text}: {}", setting.missing);
            }
            let kind = setting.kind(fault);
            Some(ConfigProblem { text, kind })
        };
        SETTINGS.iter().filter_map(problem).collect()
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

/// One setting, as a field and as a variable of the environment.
struct Setting {
    /// The name in capitals, as in the variable.
    name: &'static str,
    description: &'static str,
    default: &'static str,
    expected: &'static str,
    /// What the message adds if the setting is missing, and the kind of that problem.
    missing: &'static str,
    lacking: ConfigProblemKind,
    read: fn(&mut Config, &str) -> Option<()>,
    show: fn(&Config) -> String,
    fault: fn(&Config) -> Option<Fault>,
}

/// What is wrong with a setting.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The setting is missing.
    Lacks,
    Other,
}

const SETTINGS: [Setting; 3] = [
    Setting {
        name: "WORKERS",
        description: "the number of workers, each of which runs one task at a time",
        default: "4",
        expected: "a whole number from 1 to 65536",
        missing: "at least one worker must be specified",
        lacking: ConfigProblemKind::NoWorkers,
        read: |config, value| read(value, &mut config.workers),
        show: |config| config.workers.to_string(),
        fault: |config| match config.workers {
            0 => Some(Fault::Lacks),
            workers => (workers > WORKERS_MAX).then_some(Fault::Other),
        },
    },
    Setting {
        name: "QUEUE_SIZE",
        description: "the number of tasks that wait for a worker before queueing waits too",
        default: "64",
        expected: "a whole number from 0 to 1073741824",
        missing: "",
        lacking: ConfigProblemKind::Setting,
        read: |config, value| read(value, &mut config.queue_size),
        show: |config| config.queue_size.to_string(),
        fault: |config| (config.queue_size > QUEUE_SIZE_MAX).then_some(Fault::Other),
    },
    Setting {
        name: "SERVER_NAME",
        description: "the name of this task manager in the log",
        default: "marionette",
        expected: "a text that is not empty",
        missing: "no server name specified",
        lacking: ConfigProblemKind::NoServerName,
        read: |config, value| read(value, &mut config.server_name),
        show: |config| format!("{:?}", config.server_name),
        fault: |config| {
            let is_empty = config.server_name.trim().is_empty();
            is_empty.then_some(Fault::Lacks)
        },
    },
];

impl Setting {
    /// The text of a problem: a variable has another value than the setting expects.
    #[allow(clippy::unnecessary_debug_formatting)] // Bytes that are not Unicode are to be seen.
    fn wrong(&self, variable: &str, value: &OsStr) -> String {
        format!("{variable} is {value:?}, expected {}", self.expected)
    }

    fn kind(&self, fault: Fault) -> ConfigProblemKind {
        match fault {
            Fault::Lacks => self.lacking,
            Fault::Other => ConfigProblemKind::Setting,
        }
    }

    fn variable(&self, prefix: &str) -> String {
        match prefix {
            "" => self.name.to_owned(),
            _ => format!("{}_{}", prefix.to_uppercase(), self.name),
        }
    }
}

fn read<T: FromStr>(value: &str, setting: &mut T) -> Option<()> {
    *setting = value.parse().ok()?;
    Some(())
}

/// Settings that cannot work. Its message names everything that is wrong.
///
/// # Examples
///
/// ```
/// use marionette::Config;
/// use marionette::error::ConfigProblemKind;
///
/// let config = Config { workers: 0, server_name: String::new(), ..Config::default() };
/// let error = config.validate().unwrap_err();
/// for problem in error.problems() {
///     println!("{problem}");
/// }
/// let kinds: Vec<_> = error.problems().map(|problem| problem.kind()).collect();
/// assert_eq!(kinds, [ConfigProblemKind::NoWorkers, ConfigProblemKind::NoServerName]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<ConfigProblem>,
}

/// One of the problems that a [`ConfigError`] names. `Display` says what is wrong, and what was
/// expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    text: String,
    kind: ConfigProblemKind,
}

/// The kinds of [`ConfigProblem`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigProblemKind {
    /// No worker was specified.
    NoWorkers,
    /// No server name was specified.
    NoServerName,
    /// A setting has a value that cannot be read, or one that is out of its range.
    Setting,
    /// Handlers or queues that a manager cannot work with.
    Handlers,
}

impl ConfigProblem {
    /// What kind of problem it is.
    #[must_use]
    pub fn kind(&self) -> ConfigProblemKind {
        self.kind
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A problem with handlers or queues.
impl From<String> for ConfigProblem {
    fn from(text: String) -> Self {
        let kind = ConfigProblemKind::Handlers;
        Self { text, kind }
    }
}

impl ConfigError {
    pub(crate) fn unless_empty(problems: Vec<ConfigProblem>) -> Result<(), Self> {
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Self { problems })
        }
    }

    /// Everything that is wrong, in the order of the message.
    pub fn problems(&self) -> impl ExactSizeIterator<Item = &ConfigProblem> {
        self.problems.iter()
    }

    /// Whether no worker was specified.
    #[must_use]
    pub fn is_no_workers(&self) -> bool {
        self.has(ConfigProblemKind::NoWorkers)
    }

    /// Whether no server name was specified.
    #[must_use]
    pub fn is_no_server_name(&self) -> bool {
        self.has(ConfigProblemKind::NoServerName)
    }

    fn has(&self, kind: ConfigProblemKind) -> bool {
        self.problems().any(|problem| problem.kind == kind)
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

impl std::error::Error for ConfigError {}
