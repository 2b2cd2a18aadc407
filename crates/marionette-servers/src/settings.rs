//! How a server is started.

use std::env;
use std::ffi::OsString;
use std::path::Path;

/// When a server writes its log of commands to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOnly {
    /// Never: what it knew is gone once it ends.
    Off,
    /// Each second, as nearly everybody runs it.
    EverySecond,
    /// Before it answers.
    Always,
}

/// How a [`RedisServer`](crate::RedisServer) is started; made by
/// [`RedisServer::settings`](crate::RedisServer::settings).
#[derive(Clone, Debug)]
#[must_use]
pub struct RedisSettings {
    pub(crate) program: OsString,
    pub(crate) append_only: AppendOnly,
    pub(crate) password: Option<String>,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) unix_socket: bool,
}

impl Default for RedisSettings {
    fn default() -> Self {
        let program = env::var_os("MARIONETTE_REDIS_SERVER");
        Self {
            program: program.unwrap_or_else(|| "redis-server".into()),
            append_only: AppendOnly::Off,
            password: None,
            arguments: Vec::new(),
            unix_socket: false,
        }
    }
}

impl RedisSettings {
    /// The program. Default is what `MARIONETTE_REDIS_SERVER` says, or `redis-server`.
    pub fn program(mut self, program: impl Into<OsString>) -> Self {
        self.program = program.into();
        self
    }

    /// When it writes to the disk. Default is [`AppendOnly::Off`].
    pub fn append_only(mut self, append_only: AppendOnly) -> Self {
        self.append_only = append_only;
        self
    }

    /// The password of the user `default`. Default is none.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// How many bytes of data it takes. Default is as many as there are.
    pub fn max_memory(self, bytes: u64) -> Self {
        self.argument("--maxmemory").argument(bytes.to_string())
    }

    /// Also listens on a [socket](crate::RedisServer::unix_socket) in its directory.
    pub fn unix_socket(mut self) -> Self {
        self.unix_socket = true;
        self
    }

    /// Whether there is such a program. If not, the output of the test says that it is left out,
    /// and how to have it.
    #[must_use]
    pub fn is_here(&self) -> bool {
        is_here(Path::new(&self.program))
    }

    /// One more word behind the name of the program, such as `--maxmemory-policy`.
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }
}

/// Whether there is a program of this name or path. If not, the output of the test says that it is
/// left out, and how to have it.
fn is_here(program: &Path) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let is_here = program.components().count() > 1 && program.exists()
        || env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !is_here {
        eprintln!(
            "SKIPPED: all that needs a Redis server: there is no {}; LEFT OUT until it is \
             installed: apt-get install redis-server",
            program.display()
        );
    }
    is_here
}
