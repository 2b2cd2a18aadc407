//! The server that a measurement has to itself, and what it says of itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::Duration;

use marionette_servers::{AppendOnly, RedisServer};
use marionette_yardstick::clock;
use marionette_yardstick::figures::Outcome;

/// A server on the loopback, whose log of commands is written each second.
pub(super) struct Server(RedisServer);

/// Whether there is a program to start; says loudly if there is none.
pub(super) fn is_here() -> bool {
    RedisServer::settings().is_here()
}

/// The version of the program.
pub(super) fn version() -> String {
    let program = std::env::var_os("MARIONETTE_REDIS_SERVER");
    let program = program.unwrap_or_else(|| "redis-server".into());
    let output = std::process::Command::new(program)
        .arg("--version")
        .output();
    let said = output.map_or_else(|_| Vec::new(), |output| output.stdout);
    let said = String::from_utf8_lossy(&said);
    let version = said.split_whitespace().find_map(|w| w.strip_prefix("v="));
    version.unwrap_or("missing").to_owned()
}

impl Server {
    /// Starts one whose files lie in `folder`, and writes its address into `file`.
    pub(super) fn start(folder: &Path, file: &Path) -> Result<Self, String> {
        let said = |err| format!("{}: {err}", folder.display());
        fs::create_dir_all(folder).map_err(said)?;
        let folder = folder.canonicalize().map_err(said)?;
        let settings = RedisServer::settings().append_only(AppendOnly::EverySecond);
        let settings = settings.argument("--dir").argument(folder);
        let server = settings.start().ok_or("there is no redis-server")?;
        fs::write(file, server.url()).map_err(said)?;
        Ok(Self(server))
    }

    /// How many jobs of our store are done.
    pub(super) fn done(&self) -> u64 {
        let done = self.0.command(&["LLEN", "{marionette}:done"]);
        done.int().unsigned_abs()
    }

    /// Adds how many jobs of our store have more than one end after `measure`.
    pub(super) fn with_ends(&self, measure: impl FnOnce() -> Outcome) -> Outcome {
        let mut outcome = measure();
        if let Outcome::Measured(figures) = &mut outcome {
            let ends = self.0.command(&["LRANGE", "{marionette}:done", "0", "-1"]);
            let ends = ends.list();
            // An entry ends with the id of its job.
            let ids = ends.iter().map(|end| end.bytes().split_off(12));
            let jobs = ids.collect::<BTreeSet<_>>().len();
            figures.insert("ended_twice".to_owned(), (ends.len() - jobs) as f64);
        }
        outcome
    }

    /// Adds the bytes that it needs more for each of `jobs` after `measure`.
    pub(super) fn with_bytes(&self, jobs: u32, measure: impl FnOnce() -> Outcome) -> Outcome {
        let memory = || self.info("memory", "used_memory");
        let before = memory();
        let mut outcome = measure();
        if let Outcome::Measured(figures) = &mut outcome {
            let bytes = (memory() - before) / f64::from(jobs);
            figures.insert("bytes".to_owned(), bytes);
        }
        outcome
    }

    /// Adds the processor time that it takes for each of `jobs` while `measure` runs.
    pub(super) fn with_cpu(&self, jobs: u32, measure: impl FnOnce() -> Outcome) -> Outcome {
        let before = self.cpu();
        let mut outcome = measure();
        if let Outcome::Measured(figures) = &mut outcome {
            let micros = (self.cpu() - before) * 1e6 / f64::from(jobs);
            figures.insert("server_us".to_owned(), micros);
        }
        outcome
    }

    /// The seconds of processor time that it has taken.
    fn cpu(&self) -> f64 {
        self.info("cpu", "used_cpu_sys") + self.info("cpu", "used_cpu_user")
    }

    fn info(&self, section: &str, name: &str) -> f64 {
        let info = self.0.command(&["INFO", section]).text();
        let lines: BTreeMap<_, _> = info
            .lines()
            .filter_map(|line| line.split_once(':'))
            .collect();
        let figure = lines.get(name).and_then(|figure| figure.parse().ok());
        figure.expect("the server tells it")
    }

    /// How many commands it gets from its clients in this time; what scripts call is not counted.
    pub(super) fn commands(&self, time: Duration) -> Result<u32, String> {
        let said = |err: std::io::Error| format!("the server cannot be watched: {err}");
        let mut watch = TcpStream::connect((Ipv4Addr::LOCALHOST, self.0.port())).map_err(said)?;
        watch.write_all(b"MONITOR\r\n").map_err(said)?;
        let look = Some(Duration::from_millis(100));
        watch.set_read_timeout(look).map_err(said)?;
        let mut lines = BufReader::new(watch);
        let (mut line, mut count) = (Vec::new(), 0);
        let start = clock::now();
        while start.elapsed() < time {
            // What was read of a line when the time was over stays in it.
            match lines.read_until(b'\n', &mut line) {
                Ok(0) => return Err("the server hung up".to_owned()),
                Ok(_) => {
                    let is_command = line.starts_with(b"+") && line != b"+OK\r\n";
                    let of_script = String::from_utf8_lossy(&line).contains(" lua] ");
                    count += u32::from(is_command && !of_script);
                    line.clear();
                }
                Err(_) => {}
            }
        }
        Ok(count)
    }
}
