//! The floor: what Redis does at best with a script for each call, on one connection, in a loop.

mod client;
mod scripts;

use std::time::Duration;

use fastrand::Rng;
use marionette_yardstick::clock;
use marionette_yardstick::figures::Figures;
use marionette_yardstick::job::{self, Job};
use marionette_yardstick::order::{Order, Step};
use marionette_yardstick::samples::Samples;
use marionette_yardstick::workload::enqueue::{self, CALLERS, PRODUCERS};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use self::client::{Call, Client, RawAnswer};
use self::scripts::{EMPTY, END, KEEP, KEYS, TAKE};

/// Twenty calls a second.
const PERIOD: Duration = Duration::from_millis(50);

/// Loops that claim and settle at the same time, each on a connection of its own.
const LOOPS: usize = 2;

/// Does what is ordered. The mode is `empty` for a script that does nothing or `keep` for one that
/// keeps jobs, a dash, and the jobs in each call; or `empty-64` for 64 callers on one connection.
pub(super) async fn measure(order: Order) -> Figures {
    let (script, number) = order.mode.split_once('-').expect("a mode has two parts");
    let number: usize = number.parse().expect("jobs are a number");
    let address = order.address();
    let is_empty = script == "empty";
    // On a thread of the runtime, as everybody else.
    let measured = tokio::spawn(async move {
        let mut client = Client::connect(&address).await;
        match order.step {
            Step::Latency => latency(&mut client, order.count).await,
            Step::Drain => drain(&address, order.count, number).await,
            _ if is_empty && number > 1 => callers(client, order.count).await,
            _ if is_empty => one_by_one(&mut client, order.count).await,
            _ => keep(&mut client, order.count, number).await,
        }
    });
    measured.await.expect("the server does as it is told")
}

/// A call of a script, to be followed by its arguments.
async fn load(client: &mut Client, script: &str) -> Call {
    let mut load = Call::new("SCRIPT");
    load.word(b"LOAD");
    load.word(script.as_bytes());
    let RawAnswer::Bytes(hash) = client.ask(&load).await else {
        panic!("a script has a hash");
    };
    let mut call = Call::new("EVALSHA");
    call.word(&hash);
    call.word(KEYS.len().to_string().as_bytes());
    for key in KEYS {
        call.word(key.as_bytes());
    }
    call
}

/// A: an empty script, awaited.
async fn one_by_one(client: &mut Client, count: u32) -> Figures {
    let call = load(client, EMPTY).await;
    let start = clock::now();
    for _ in 0..count {
        client.ask(&call).await;
    }
    enqueue::rate(count, start)
}

/// B: the same from many callers, on one connection.
async fn callers(mut client: Client, count: u32) -> Figures {
    let call = load(&mut client, EMPTY).await;
    let (asked, inbox) = mpsc::unbounded_channel();
    tokio::spawn(client.serve(call, inbox));
    let share = count / CALLERS;
    let start = clock::now();
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let asked = asked.clone();
        callers.spawn(async move {
            for _ in 0..share {
                let (caller, answered) = oneshot::channel();
                asked.send(caller).expect("the connection lives");
                answered.await.expect("the server answers");
            }
        });
    }
    while let Some(ended) = callers.join_next().await {
        ended.expect("a caller ends");
    }
    enqueue::rate(share * CALLERS, start)
}

/// C: keeps jobs, many in a call and four calls in flight; or one, which is awaited.
async fn keep(client: &mut Client, count: u32, many: usize) -> Figures {
    let start_of = load(client, KEEP).await;
    let in_flight_max = if many == 1 { 1 } else { PRODUCERS };
    let jobs = job::counted(count);
    let start = clock::now();
    let mut in_flight = 0;
    for jobs in jobs.chunks(many) {
        if in_flight == in_flight_max {
            client.receive().await;
            in_flight -= 1;
        }
        client.send(&keep_call(&start_of, jobs)).await;
        in_flight += 1;
    }
    for _ in 0..in_flight {
        client.receive().await;
    }
    enqueue::rate(count, start)
}

fn keep_call(start: &Call, jobs: &[Job]) -> Call {
    let mut call = start.clone();
    for job in jobs {
        call.word(&u128::from(job.index).to_be_bytes());
        call.word(&serde_json::to_vec(job).expect("a job is JSON"));
    }
    call
}

/// D: claims and settles by hand, in two loops.
async fn drain(address: &str, count: u32, many: usize) -> Figures {
    keep(&mut Client::connect(address).await, count, 1_000).await;
    let mut loops = JoinSet::new();
    let mut clients = Vec::new();
    for _ in 0..LOOPS {
        clients.push(Client::connect(address).await);
    }
    let start = clock::now();
    for client in clients {
        loops.spawn(claim_and_settle(client, many));
    }
    let mut done = 0;
    while let Some(ended) = loops.join_next().await {
        done += ended.expect("a loop ends");
    }
    assert_eq!(done, count as usize, "each job is claimed once");
    let mut figures = enqueue::rate(count, start);
    figures.insert("twice", 0.0);
    figures
}

/// Works until nothing is left; how many jobs it ended.
async fn claim_and_settle(mut client: Client, many: usize) -> usize {
    let mut take = load(&mut client, TAKE).await;
    take.word(many.to_string().as_bytes());
    let start_of_end = load(&mut client, END).await;
    let mut done = 0;
    loop {
        let RawAnswer::List(taken) = client.ask(&take).await else {
            panic!("jobs are a list");
        };
        let Some(RawAnswer::List(ids)) = taken.first() else {
            panic!("ids are a list");
        };
        if ids.is_empty() {
            return done;
        }
        let mut end = start_of_end.clone();
        for id in ids {
            let RawAnswer::Bytes(id) = id else {
                panic!("an id is bytes");
            };
            end.word(id);
        }
        client.ask(&end).await;
        done += ids.len();
    }
}

/// E: how long A takes, twenty times a second.
async fn latency(client: &mut Client, count: u32) -> Figures {
    let call = load(client, EMPTY).await;
    let waits = Samples::new(count);
    let mut random = Rng::with_seed(3);
    let start = clock::now();
    for index in 0..count {
        let at = start + PERIOD * index + PERIOD.mul_f64(random.f64());
        tokio::time::sleep_until(at.into()).await;
        let asked = clock::now();
        client.ask(&call).await;
        waits.record(index, clock::nanos_between(asked, clock::now()));
    }
    let waits = waits.sorted();
    Figures::from([
        ("p50_ms", waits.quantile(0.5) / 1e6),
        ("p99_ms", waits.quantile(0.99) / 1e6),
        ("never", waits.missing()),
    ])
}
