//! Several processes on one store: how fast they drain it together, and how much they ask while
//! there is nothing to do.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use marionette_yardstick::clock;
use marionette_yardstick::figures::{self, Outcome};
use marionette_yardstick::order::Order;
use marionette_yardstick::workload::share::READY;

use crate::child;
use crate::durable::program::Program;
use crate::durable::server::Server;

/// Between two looks at the server.
const LOOK: Duration = Duration::from_millis(2);

/// How long a drain may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The pause before the measurement, in which everything comes to rest.
const REST: Duration = Duration::from_secs(1);

/// A process that works from a sign to another. It is killed if it is dropped.
struct Member {
    process: Child,
    says: BufReader<ChildStdout>,
    told: Option<ChildStdin>,
}

impl Member {
    fn start(program: Program, order: &Order) -> Result<Self, String> {
        let mut command = program.command(order);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let started = command.stderr(Stdio::null()).spawn();
        let mut process = started.map_err(|err| format!("a worker did not start: {err}"))?;
        let says = process.stdout.take().expect("it has a pipe");
        let told = process.stdin.take();
        Ok(Self {
            process,
            says: BufReader::new(says),
            told,
        })
    }

    fn is_ready(&mut self) -> Result<(), String> {
        let mut line = String::new();
        let said = self.says.read_line(&mut line);
        match said {
            Ok(_) if line.trim_end() == READY => Ok(()),
            _ => Err("a worker did not become ready".to_owned()),
        }
    }

    fn begin(&mut self) {
        if let Some(told) = &mut self.told {
            // If it is gone, it gives no answer in the end.
            let _ = told.write_all(b"\n");
        }
    }

    /// How many jobs it ran.
    fn end(&mut self) -> Result<f64, String> {
        self.told = None;
        let mut said = String::new();
        let read = self.says.read_to_string(&mut said);
        read.map_err(|err| format!("a worker gives no answer: {err}"))?;
        let figures = figures::read(&said).ok_or("a worker gives no answer")?;
        Ok(figures["ran"])
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Fills, lets so many processes work at once, and waits until all jobs are done.
pub(super) fn drain(
    server: &Server,
    program: Program,
    fill: &Order,
    share: &Order,
    processes: usize,
) -> Outcome {
    if let failed @ (Outcome::Failed(_) | Outcome::Cannot(_)) =
        child::ask(&mut program.command(fill))
    {
        return failed;
    }
    let drained = |members: &mut [Member]| {
        let start = clock::now();
        members.iter_mut().for_each(Member::begin);
        while server.done() < fill.count.into() {
            if start.elapsed() > PATIENCE {
                return Err(format!("{} of {} jobs ran", server.done(), fill.count));
            }
            clock::sleep(LOOK);
        }
        let seconds = start.elapsed().as_secs_f64();
        let ran = members
            .iter_mut()
            .map(Member::end)
            .sum::<Result<f64, _>>()?;
        let count = f64::from(fill.count);
        Ok(BTreeMap::from([
            ("per_s".to_owned(), count / seconds),
            ("twice".to_owned(), ran - count),
        ]))
    };
    with_members(program, share, processes, drained)
}

/// Lets so many processes wait for work, and counts what the server is asked in a second.
pub(super) fn idle(
    server: &Server,
    program: Program,
    share: &Order,
    processes: usize,
    time: Duration,
) -> Outcome {
    let idle = |members: &mut [Member]| {
        members.iter_mut().for_each(Member::begin);
        clock::sleep(REST);
        let commands = server.commands(time)?;
        members
            .iter_mut()
            .map(Member::end)
            .sum::<Result<f64, _>>()?;
        let commands = f64::from(commands) / time.as_secs_f64();
        Ok(BTreeMap::from([("commands".to_owned(), commands)]))
    };
    with_members(program, share, processes, idle)
}

fn with_members(
    program: Program,
    share: &Order,
    processes: usize,
    work: impl FnOnce(&mut [Member]) -> Result<BTreeMap<String, f64>, String>,
) -> Outcome {
    let members = || -> Result<Vec<Member>, String> {
        let members = (0..processes).map(|_| Member::start(program, share));
        let mut members = members.collect::<Result<Vec<_>, _>>()?;
        members.iter_mut().try_for_each(Member::is_ready)?;
        Ok(members)
    };
    let measured = members().and_then(|mut members| work(&mut members));
    measured.map_or_else(Outcome::Failed, Outcome::Measured)
}
