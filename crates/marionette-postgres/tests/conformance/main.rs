//! The store in PostgreSQL does what every store must do.

mod server;

use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};
use marionette::store::Store;
use marionette_conformance::{
    CommonOptions, Fixture, FixtureFuture, Part, run, with_common_options,
};
use marionette_postgres::{Clock, PostgresOptions, PostgresStore};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::SimpleQueryMessage;

use crate::server::PostgresServer;

/// Time passes at once where a case lets it pass, in real time while a caller waits for jobs, and
/// otherwise not at all.
const UNIT: Duration = Duration::from_millis(200);

/// The tables of a store, but for those that say what it is.
const TABLES: [&str; 10] = [
    "lane", "paused", "instance", "job", "waiting", "running", "wish", "ended", "attempt",
    "changed",
];

/// Where all cases of this process have their stores, each in a schema of its own.
static SERVER: OnceLock<PostgresServer> = OnceLock::new();
static SCHEMAS: AtomicU32 = AtomicU32::new(0);

fn server() -> &'static PostgresServer {
    SERVER.get().expect("main has started it")
}

struct OnServer {
    schema: String,
    clock: Clock,
}

impl OnServer {
    fn new() -> Self {
        let number = SCHEMAS.fetch_add(1, Ordering::Relaxed);
        Self {
            // A name that has to be quoted.
            schema: format!("case \"{number}\".x"),
            clock: Clock::still(),
        }
    }

    async fn open_as(&self, options: PostgresOptions) -> Arc<dyn Store> {
        let options = options.schema(&self.schema).clock(self.clock.clone());
        let store = options.connect(server().address()).await;
        Arc::new(store.expect("the server runs"))
    }

    fn quoted(&self) -> String {
        format!("\"{}\"", self.schema.replace('"', "\"\""))
    }

    async fn execute(&self, text: String) {
        ask(&text).await;
    }
}

/// Executes statements on a connection of their own, and returns the first column of each row.
async fn ask(text: &str) -> Vec<String> {
    let connected = tokio_postgres::connect(&server().address(), tokio_postgres::NoTls).await;
    let (client, connection) = connected.expect("the server runs");
    let connection = tokio::spawn(connection);
    let messages = client.simple_query(text).await.expect("it is SQL");
    drop(client);
    let _ = connection.await;
    let first = |message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    messages.into_iter().filter_map(first).collect()
}

impl Drop for OnServer {
    /// Whatever a case did, nothing in its store may be damaged.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let name = self.quoted();
        let walk = include_str!("walk.sql").replace("marionette.", &format!("{name}."));
        // The case may still be inside of its runtime, and may have opened no store.
        let walked = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime needs next to nothing");
            runtime.block_on(async {
                let is_there = format!("SELECT 1 WHERE to_regclass('{name}.meta') IS NOT NULL");
                if ask(&is_there).await.is_empty() {
                    return Vec::new();
                }
                let faults = ask(&walk).await;
                ask(&format!("DROP SCHEMA {name} CASCADE")).await;
                faults
            })
        });
        let faults = walked.join().expect("it does not panic");
        assert!(faults.is_empty(), "the store of this case: {faults:?}");
    }
}

fn options() -> PostgresOptions {
    PostgresStore::options().lease(UNIT * 10).poll(UNIT)
}

impl Fixture for OnServer {
    fn open(&self) -> FixtureFuture<'_, Arc<dyn Store>> {
        Box::pin(self.open_as(options()))
    }

    fn open_keeping(&self, done: usize) -> FixtureFuture<'_, Arc<dyn Store>> {
        Box::pin(self.open_as(options().keep_done_count(done as u64)))
    }

    fn open_with(&self, common: &CommonOptions) -> Option<FixtureFuture<'_, Arc<dyn Store>>> {
        let options = with_common_options!(PostgresStore::options(), common);
        Some(Box::pin(self.open_as(options)))
    }

    fn left_out(&self) -> Vec<Part> {
        vec![Part::Waking, Part::Leaving]
    }

    fn passes_days(&self) -> bool {
        true
    }

    fn can_roll_back(&self) -> bool {
        true
    }

    fn remember(&self) -> FixtureFuture<'_, ()> {
        let name = self.quoted();
        let copies = TABLES.map(|table| {
            format!(
                "DROP TABLE IF EXISTS {name}.old_{table};
                 CREATE TABLE {name}.old_{table} AS TABLE {name}.{table};"
            )
        });
        Box::pin(self.execute(copies.concat()))
    }

    fn roll_back(&self) -> FixtureFuture<'_, ()> {
        let name = self.quoted();
        let copies = TABLES.map(|table| {
            format!("TRUNCATE {name}.{table}; INSERT INTO {name}.{table} TABLE {name}.old_{table};")
        });
        Box::pin(self.execute(format!("BEGIN; {} COMMIT", copies.concat())))
    }

    fn pass(&self, time: Duration) -> FixtureFuture<'_, ()> {
        self.clock.advance(time);
        Box::pin(tokio::task::yield_now())
    }

    fn unit(&self) -> Duration {
        UNIT
    }

    fn runtime(&self) -> Runtime {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime of one thread needs next to nothing")
    }

    fn model_cases(&self) -> u32 {
        32
    }
}

/// All cases in one process, for a runner that gives each test a process of its own: each would
/// have a server of its own, which takes longer to make than a case.
fn every_case() -> Result<(), libtest_mimic::Failed> {
    let mut cases = Command::new(std::env::current_exe()?);
    let status = cases.env_remove("NEXTEST").status()?;
    if status.success() {
        return Ok(());
    }
    Err("a case failed".into())
}

fn main() -> ExitCode {
    if std::env::var_os("NEXTEST").is_some() {
        let all = Trial::test("every_case", every_case);
        return libtest_mimic::run(&Arguments::from_args(), vec![all]).exit_code();
    }
    if let Some(started) = PostgresServer::start() {
        SERVER.get_or_init(|| started);
        let code = run(|| Box::new(OnServer::new()));
        server().stop();
        return code;
    }
    let left_out = Trial::test("everything_is_left_out_without_a_server", || Ok(()));
    libtest_mimic::run(&Arguments::from_args(), vec![left_out]).exit_code()
}
