//! One measurement: the orders that a workload consists of, each to a child of its own, on a file
//! or a server of its own.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use marionette_yardstick::clock;
use marionette_yardstick::figures::Outcome;
use marionette_yardstick::order::{Order, Step};

use crate::child;
use crate::durable::arguments::DurableArguments;
use crate::durable::program::Program;
use crate::durable::server::Server;
use crate::durable::setup::Setup;
use crate::durable::table::IDLERS;
use crate::durable::workload::DurableWorkload;
use crate::durable::{fleet, killed};

/// What all measurements share.
pub(super) struct DurableMeasurement {
    folder: PathBuf,
    part: u32,
    // Those that could not be built, and why.
    missing: Vec<(Program, String)>,
}

impl DurableMeasurement {
    /// A folder for the files, and every program that takes part.
    ///
    /// # Errors
    ///
    /// Why there is no folder. A program that cannot be built is missing in the tables.
    pub(super) fn prepare(
        arguments: &DurableArguments,
        workloads: &[DurableWorkload],
    ) -> Result<Self, String> {
        let beside = || child::beside_this_program().join("durable");
        let folder = arguments.file.folder.clone().unwrap_or_else(beside);
        let made = fs::create_dir_all(&folder);
        made.map_err(|err| format!("{}: {err}", folder.display()))?;
        let rows = arguments.rows();
        let takes_part = |program: Program| {
            let mut rows = workloads
                .iter()
                .flat_map(|workload| workload.rows_among(&rows));
            rows.any(|row| row.program() == program)
        };
        let mut missing = Vec::new();
        for program in Program::ALL.into_iter().filter(|p| takes_part(*p)) {
            eprintln!("{}: is built unless it is there", program.word());
            if let Err(why) = program.build() {
                eprintln!("MISSING: {}: {why}", program.word());
                missing.push((program, why));
            }
        }
        Ok(Self {
            folder,
            part: arguments.part(),
            missing,
        })
    }

    /// What one row gives in one round.
    pub(super) fn outcome(&self, workload: DurableWorkload, row: Setup) -> Outcome {
        if let Some(why) = workload.cannot(row) {
            return Outcome::Cannot(why.to_owned());
        }
        let missing = self
            .missing
            .iter()
            .find(|(program, _)| *program == row.program());
        if let Some((_, why)) = missing {
            return Outcome::Failed(why.clone());
        }
        self.clear();
        let outcome = if workload.is_on_a_server() {
            let server = Server::start(&self.folder.join("jobs.redis"), &self.file(workload));
            server.map_or_else(Outcome::Failed, |server| {
                self.on_a_server(&server, workload, row)
            })
        } else {
            self.in_a_file(workload, row)
        };
        self.clear();
        outcome
    }

    fn in_a_file(&self, workload: DurableWorkload, row: Setup) -> Outcome {
        let order = |step| self.order(workload, row, step);
        let ask = |order: &Order| child::ask(&mut row.program().command(order));
        match workload {
            DurableWorkload::One | DurableWorkload::OneNormal => ask(&order(Step::One)),
            DurableWorkload::Callers => ask(&order(Step::Callers)),
            DurableWorkload::Many => ask(&order(Step::Many)),
            DurableWorkload::Drain => ask(&order(Step::Drain)),
            DurableWorkload::Latency => ask(&order(Step::Latency)),
            DurableWorkload::Due => ask(&order(Step::Due)),
            DurableWorkload::Idle => ask(&order(Step::Idle)),
            DurableWorkload::Killed => {
                killed::measure(row.program(), &order(Step::Fill), &order(Step::Log))
            }
            DurableWorkload::Million => {
                let open = Order {
                    count: DurableWorkload::opened(self.part),
                    ..order(Step::Open)
                };
                together(ask(&order(Step::Fill)), || ask(&open))
            }
            _ => unreachable!("its jobs are on a server"),
        }
    }

    fn on_a_server(&self, server: &Server, workload: DurableWorkload, row: Setup) -> Outcome {
        let program = row.program();
        let order = |step| self.order(workload, row, step);
        let ask = |order: &Order| child::ask(&mut program.command(order));
        let with_cpu = |order: Order| server.with_cpu(order.count, || ask(&order));
        let (fill, share) = (order(Step::Fill), order(Step::Share));
        match workload {
            DurableWorkload::ServerOne => with_cpu(order(Step::One)),
            DurableWorkload::ServerCallers => with_cpu(order(Step::Callers)),
            DurableWorkload::ServerMany => with_cpu(order(Step::Bulk)),
            DurableWorkload::ServerDrain => with_cpu(order(Step::Drain)),
            DurableWorkload::ServerFour => {
                fleet::drain(server, program, &fill, &share, row.processes())
            }
            DurableWorkload::ServerLatency => ask(&order(Step::Latency)),
            DurableWorkload::ServerDue => ask(&order(Step::Due)),
            DurableWorkload::ServerKilled => {
                let work = order(Step::Log);
                let killed = || killed::measure(program, &fill, &work);
                // Only of our own store is it known where it keeps its ends.
                if program == Program::Redis {
                    server.with_ends(killed)
                } else {
                    killed()
                }
            }
            DurableWorkload::ServerMillion => {
                let elsewhere = order(Step::Elsewhere);
                let claim = Order {
                    count: DurableWorkload::claimed(self.part),
                    ..order(Step::Claim)
                };
                together(
                    server.with_bytes(elsewhere.count, || ask(&elsewhere)),
                    || ask(&claim),
                )
            }
            DurableWorkload::ServerIdle => {
                let time = Duration::from_secs(share.count.into());
                fleet::idle(server, program, &share, IDLERS, time)
            }
            _ => unreachable!("its jobs are in a file"),
        }
    }

    fn order(&self, workload: DurableWorkload, row: Setup, step: Step) -> Order {
        let crowded =
            workload == DurableWorkload::Killed && !Setup::is_in_this_program(row.label());
        Order {
            step,
            count: workload.count(row, self.part),
            at_once: if crowded { 100 } else { row.at_once() },
            mode: row.mode().to_owned(),
            file: self.file(workload),
        }
    }

    /// The file that has the jobs, or the address of the server that has them.
    fn file(&self, workload: DurableWorkload) -> PathBuf {
        let name = if workload.is_on_a_server() {
            "jobs.address"
        } else {
            "jobs.db"
        };
        self.folder.join(name)
    }

    /// Removes what the last measurement left.
    fn clear(&self) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for entry in entries {
            if entry.file_name().to_string_lossy().starts_with("jobs.") {
                // What cannot be removed makes the next measurement fail, which says why.
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                let _ = if is_folder {
                    fs::remove_dir_all(entry.path())
                } else {
                    fs::remove_file(entry.path())
                };
            }
        }
    }

    /// How long the disk takes to sync a page, in words: the floor of every commit.
    pub(super) fn disk(&self) -> String {
        let path = self.folder.join("jobs.sync");
        let mut times: Vec<i64> = File::create(&path)
            .map(|mut file| {
                let synced = |_| {
                    let start = clock::now();
                    file.write_all(&[0; 4096])
                        .and_then(|()| file.sync_data())
                        .ok()?;
                    Some(clock::nanos_between(start, clock::now()))
                };
                (0..200).filter_map(synced).collect()
            })
            .unwrap_or_default();
        times.sort_unstable();
        let millis = |share: usize| times.get(times.len() * share / 100).copied();
        let millis = |share| millis(share).map_or(f64::NAN, |nanos| nanos as f64 / 1e6);
        self.clear();
        format!(
            "a page written and synced in {:.3} ms (p50), {:.3} ms (p90)",
            millis(50),
            millis(90)
        )
    }
}

/// The figures of two children, or what went wrong with the first that failed.
fn together(first: Outcome, second: impl FnOnce() -> Outcome) -> Outcome {
    let Outcome::Measured(mut figures) = first else {
        return first;
    };
    match second() {
        Outcome::Measured(more) => {
            // What the second measures is what the table shows.
            figures.extend(more);
            Outcome::Measured(figures)
        }
        other => other,
    }
}
