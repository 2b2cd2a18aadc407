//! The store in Redis does what every store must do.
//!
//! `MARIONETTE_REDIS_PLACE=cluster` is all of it on a cluster of three servers, and `sentinel` on a
//! master with a replica that a sentinel names. With `disk` each change waits for the disk of the
//! server, `Durability::Synced`.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};
use marionette::store::Store;
use marionette_conformance::{CommonOptions, Fixture, FixtureFuture, run, with_common_options};
use marionette_redis::{Clock, Durability, RedisOptions, RedisStore};
use marionette_servers::{
    Act, AppendOnly, Border, Connection, Passing, Proxy, RedisCluster, RedisSentinel, RedisServer,
    Reply,
};
use tokio::runtime::{Builder, Runtime};

/// Time passes at once where a case lets it pass, in real time while a caller waits for jobs, and
/// otherwise not at all.
const UNIT: Duration = Duration::from_millis(200);

/// Where all cases of this process have their stores, each one of its own.
static PLACE: OnceLock<Place> = OnceLock::new();

enum Place {
    Server(RedisServer),
    Disk(RedisServer),
    Cluster(RedisCluster),
    Sentinel(Box<(RedisServer, RedisServer, RedisSentinel)>),
}

impl Place {
    fn start() -> Option<Self> {
        let place = std::env::var("MARIONETTE_REDIS_PLACE");
        match place.as_deref().unwrap_or("server") {
            "server" => RedisServer::start().map(Self::Server),
            "cluster" => RedisCluster::start(&RedisServer::settings()).map(Self::Cluster),
            "sentinel" => {
                let master = RedisServer::start()?;
                let replica = RedisServer::settings().replica_of(&master).start()?;
                // No case is about a failover, and a busy machine has none.
                let sentinel = RedisSentinel::start(&master, Duration::from_secs(600));
                while sentinel.master().is_none() {
                    std::thread::yield_now();
                }
                Some(Self::Sentinel(Box::new((master, replica, sentinel))))
            }
            "disk" => {
                let settings = RedisServer::settings().append_only(AppendOnly::Always);
                settings.start().map(Self::Disk)
            }
            other => {
                panic!("MARIONETTE_REDIS_PLACE is no {other}: server, disk, cluster or sentinel")
            }
        }
    }

    /// Where a store is connected to; in a cluster it may be the node that does not have it.
    fn url(&self) -> String {
        match self {
            Self::Server(server) | Self::Disk(server) => server.url(),
            Self::Cluster(cluster) => fastrand::choice(cluster.nodes()).expect("three").url(),
            Self::Sentinel(all) => all.2.url(),
        }
    }

    /// The server that has the keys of the store of this name.
    fn server(&self, name: &str) -> &RedisServer {
        match self {
            Self::Server(server) | Self::Disk(server) => server,
            Self::Cluster(cluster) => &cluster.nodes()[cluster.owner(name)],
            Self::Sentinel(all) => &all.0,
        }
    }
}

/// What every change waits for.
fn durability() -> Durability {
    match place() {
        Place::Disk(_) => Durability::Synced,
        _ => Durability::Server,
    }
}

fn place() -> &'static Place {
    PLACE.get_or_init(|| Place::start().expect("main has looked for it"))
}

struct OnServer {
    name: String,
    clock: Clock,
    remembered: Mutex<Vec<(Vec<u8>, Vec<u8>)>>,
    /// What stands between the store and the server, if something does.
    cuts: Option<Cuts>,
}

/// A connection that is cut where a case says.
struct Cuts {
    proxy: Proxy,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Default)]
struct Plan {
    /// How many calls pass before the one that is cut, how far that comes, and whether it is torn.
    next: Option<(u32, Border, Act)>,
    made: u64,
}

impl Cuts {
    /// In front of the server that has the store of this name.
    fn new(name: &str) -> Self {
        let plan: Arc<Mutex<Plan>> = Arc::default();
        let own = Arc::clone(&plan);
        let proxy = Proxy::new(place().server(name), move |passing| {
            let mut plan = own.lock().expect("nobody panics with it");
            match plan.next {
                Some((0, border, act)) if is_at(passing, border) => {
                    plan.next = None;
                    plan.made += 1;
                    act
                }
                Some((left, border, act)) if is_at(passing, border) => {
                    plan.next = Some((left - 1, border, act));
                    Act::Pass
                }
                _ => Act::Pass,
            }
        });
        Self { proxy, plan }
    }
}

fn is_at(passing: &Passing, border: Border) -> bool {
    passing.script.is_some() && passing.border == border
}

impl OnServer {
    fn new() -> Self {
        Self {
            name: RedisServer::any_name(),
            clock: Clock::still(),
            remembered: Mutex::default(),
            cuts: None,
        }
    }

    /// Where stores connect.
    fn url(&self) -> String {
        match &self.cuts {
            Some(cuts) => cuts.proxy.url(),
            None => place().url(),
        }
    }

    async fn open_as(&self, options: RedisOptions) -> Arc<dyn Store> {
        let options = options.name(&self.name).clock(self.clock.clone());
        let store = options.durability(durability()).connect(self.url()).await;
        Arc::new(store.expect("the server runs"))
    }

    fn connection(&self) -> Connection {
        let server = place().server(&self.name);
        server.connect().expect("the server runs")
    }

    /// All keys of the store.
    fn keys(&self, connection: &mut Connection) -> Vec<Vec<u8>> {
        let pattern = format!("{{{}}}:*", self.name);
        let keys = ask(connection, &["KEYS", &pattern]).list();
        keys.iter().map(Reply::bytes).collect()
    }
}

impl Drop for OnServer {
    /// Whatever a case did, nothing in its store may be damaged.
    fn drop(&mut self) {
        let Some(place) = PLACE.get().filter(|_| !std::thread::panicking()) else {
            return;
        };
        let options = RedisStore::options().name(&self.name);
        // The case may still be inside of its runtime.
        let check = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build();
            runtime
                .expect("a runtime needs next to nothing")
                .block_on(async {
                    let store = options.connect(place.url()).await.expect("the server runs");
                    store.check().await.expect("a report")
                })
        });
        let report = check.join().expect("it does not panic");
        assert!(report.is_clean(), "the store of this case: {report}");
    }
}

fn options() -> RedisOptions {
    RedisStore::options().lease(UNIT * 10).poll(UNIT * 20)
}

fn ask<A: AsRef<[u8]>>(connection: &mut Connection, words: &[A]) -> Reply {
    let reply = connection.command(words).expect("the server answers");
    assert!(!matches!(reply, Reply::Error(_)), "{reply:?}");
    reply
}

impl Fixture for OnServer {
    fn open(&self) -> FixtureFuture<'_, Arc<dyn Store>> {
        Box::pin(self.open_as(options()))
    }

    fn open_keeping(&self, done: usize) -> FixtureFuture<'_, Arc<dyn Store>> {
        Box::pin(self.open_as(options().keep_done_count(done as u64)))
    }

    fn open_with(&self, common: &CommonOptions) -> Option<FixtureFuture<'_, Arc<dyn Store>>> {
        let options = with_common_options!(RedisStore::options(), common);
        Some(Box::pin(self.open_as(options)))
    }

    fn passes_days(&self) -> bool {
        true
    }

    fn can_roll_back(&self) -> bool {
        true
    }

    fn remember(&self) -> FixtureFuture<'_, ()> {
        Box::pin(async {
            let mut connection = self.connection();
            let keys = self.keys(&mut connection);
            let dumped = keys.into_iter().map(|key| {
                let value = ask(&mut connection, &[b"DUMP", &*key]).bytes();
                (key, value)
            });
            *self.remembered.lock().expect("nobody panics with it") = dumped.collect();
        })
    }

    fn roll_back(&self) -> FixtureFuture<'_, ()> {
        Box::pin(async {
            let mut connection = self.connection();
            let keys = self.keys(&mut connection);
            ask(&mut connection, &["MULTI"]);
            for key in keys {
                ask(&mut connection, &[b"DEL", &*key]);
            }
            let remembered = self.remembered.lock().expect("nobody panics with it");
            for (key, value) in &*remembered {
                ask(&mut connection, &[b"RESTORE", &**key, b"0", value]);
            }
            ask(&mut connection, &["EXEC"]);
        })
    }

    fn pass(&self, time: Duration) -> FixtureFuture<'_, ()> {
        self.clock.advance(time);
        Box::pin(tokio::task::yield_now())
    }

    fn can_be_cut(&self) -> bool {
        true
    }

    fn cuttable(&mut self) {
        self.cuts = Some(Cuts::new(&self.name));
    }

    fn cut(&self, place: Option<u32>) -> u64 {
        let Some(cuts) = &self.cuts else { return 0 };
        let mut plan = cuts.plan.lock().expect("nobody panics with it");
        plan.next = place.map(|place| {
            let act = if place % 2 == 0 { Act::Cut } else { Act::Half };
            let border = [Border::Sent, Border::Answered, Border::Answered];
            // Most operations are one call, few are more than two.
            let calls = [0, 0, 0, 1, 2];
            let pick = |from: u32, of: usize| (place / from) as usize % of;
            (calls[pick(6, 5)], border[pick(2, 3)], act)
        });
        plan.made
    }

    fn unit(&self) -> Duration {
        UNIT
    }

    fn runtime(&self) -> Runtime {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime of one thread needs next to nothing")
    }

    fn model_cases(&self) -> u32 {
        64
    }
}

fn main() -> ExitCode {
    if RedisServer::settings().is_here() {
        return run(|| Box::new(OnServer::new()));
    }
    let left_out = Trial::test("everything_is_left_out_without_a_server", || {
        // It says so.
        let _ = RedisServer::settings().is_here();
        Ok(())
    });
    libtest_mimic::run(&Arguments::from_args(), vec![left_out]).exit_code()
}
