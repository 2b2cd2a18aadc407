//! How fast the store is, without a manager around it: prints a figure a line.
//! `cargo run --release --example store_speed -- [directory] [part of a name]`
#![allow(clippy::disallowed_methods)] // It measures real time.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use marionette::store::{
    Attempted, Claim, Claimed, Due, InstanceId, InstanceInfo, Name, NewJob, Next, PastOutcome,
    Settlement, Store, Wanted,
};
use marionette_sqlite::{SqliteStore, Synchronous};

type Outcome = Result<(), Box<dyn Error>>;

#[tokio::main]
async fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments
        .next()
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let only = arguments.next().unwrap_or_default();
    let place = tempfile::tempdir_in(directory)?;
    let wants = |name: &str| name.contains(&only);
    if wants("one") {
        one_producer(place.path(), Synchronous::Full, 10_000).await?;
        one_producer(place.path(), Synchronous::Normal, 50_000).await?;
    }
    if wants("many") {
        many_in_one_call(place.path()).await?;
    }
    if wants("callers") {
        callers(place.path(), 64, 300_000).await?;
    }
    if wants("drain") {
        drain(place.path(), 1).await?;
        drain(place.path(), 2).await?;
    }
    if wants("late") {
        lateness(place.path()).await?;
    }
    if wants("pick") {
        pick_up(place.path()).await?;
    }
    if wants("waiting") {
        million_waiting(place.path()).await?;
    }
    Ok(())
}

const NOOP: Name = Name::from_static("noop");

fn job() -> NewJob {
    NewJob::new(NOOP, b"{\"n\":123456}".to_vec())
}

async fn open(place: &Path, name: &str) -> Result<SqliteStore, Box<dyn Error>> {
    Ok(SqliteStore::open(place.join(name)).await?)
}

fn per_second(count: usize, since: Instant) -> f64 {
    count as f64 / since.elapsed().as_secs_f64()
}

async fn one_producer(place: &Path, synchronous: Synchronous, count: usize) -> Outcome {
    let options = SqliteStore::options().synchronous(synchronous);
    let store = options
        .open(place.join(format!("one-{synchronous:?}")))
        .await?;
    let start = Instant::now();
    for _ in 0..count {
        store.insert(vec![job()]).await?;
    }
    println!(
        "one awaited producer, {synchronous:?}: {:.0} / s",
        per_second(count, start)
    );
    Ok(())
}

async fn many_in_one_call(place: &Path) -> Outcome {
    let store = open(place, "many").await?;
    for count in [1_000, 10_000, 100_000, 100_000] {
        let jobs: Vec<_> = (0..count).map(|_| job()).collect();
        let start = Instant::now();
        store.insert(jobs).await?;
        println!("{count} in one call: {:.0} / s", per_second(count, start));
    }
    Ok(())
}

async fn callers(place: &Path, callers: usize, count: usize) -> Outcome {
    let store = open(place, "callers").await?;
    let start = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..callers {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            for _ in 0..count / callers {
                store.insert(vec![job()]).await.expect("it is accepted");
            }
        }));
    }
    for task in tasks {
        task.await?;
    }
    println!(
        "{callers} callers at once, Full: {:.0} / s",
        per_second(count, start)
    );
    Ok(())
}

async fn worker(store: &SqliteStore) -> Result<Claim, Box<dyn Error>> {
    let info = InstanceInfo::new(InstanceId::new(), "speed", 4).process(std::process::id());
    let worker = info.id;
    store.renew(info, vec![]).await?;
    let wanted = Wanted::new([NOOP]);
    Ok(Claim::new(worker, wanted, 500))
}

fn done(claimed: &[Claimed]) -> Vec<Settlement> {
    let settlement = |claimed: &Claimed| {
        Settlement::new(claimed.lease, Next::Done(b"null".to_vec()))
            .attempt(Attempted::new(PastOutcome::Done, Duration::from_micros(3)))
    };
    claimed.iter().map(settlement).collect()
}

/// With several lanes, one worker claims while the jobs of another are being synced.
async fn drain(place: &Path, lanes: usize) -> Outcome {
    let store = open(place, &format!("drain-{lanes}")).await?;
    let count = 300_000;
    for _ in 0..count / 10_000 {
        store.insert((0..10_000).map(|_| job()).collect()).await?;
    }
    let claim = worker(&store).await?;
    let start = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..lanes {
        let (store, claim) = (store.clone(), claim.clone());
        tasks.push(tokio::spawn(async move {
            loop {
                let claimed = store.claim(claim.clone()).await.expect("it is known");
                if claimed.is_empty() {
                    return;
                }
                store
                    .settle(done(&claimed))
                    .await
                    .expect("they are settled");
            }
        }));
    }
    for task in tasks {
        task.await?;
    }
    println!(
        "drain in batches of 500, {lanes} at once: {:.0} / s",
        per_second(count, start)
    );
    Ok(())
}

/// The time until a waiting worker has claimed each job.
async fn lateness(place: &Path) -> Outcome {
    let store = open(place, "late").await?;
    let (count, claim) = (10_000_usize, worker(&store).await?);
    let start = SystemTime::now() + Duration::from_millis(200);
    let scheduled = |index: usize| {
        job().due(Due::At(
            start + Duration::from_micros(200) * u32::try_from(index).unwrap_or(0),
        ))
    };
    store.insert((0..count).map(scheduled).collect()).await?;
    let mut late = Vec::new();
    while late.len() < count {
        let claimed = store.claim(claim.clone()).await?;
        if claimed.is_empty() {
            store.wait(claim.wanted.clone()).await?;
            continue;
        }
        late.extend(claimed.iter().map(|claimed| claimed.late));
        store.settle(done(&claimed)).await?;
    }
    print_times("10,000 due within 2 s, late", late);
    Ok(())
}

/// The time from the insertion of a job to its claim, at 20 jobs a second.
async fn pick_up(place: &Path) -> Outcome {
    let store = open(place, "pick").await?;
    let claim = worker(&store).await?;
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let taker = tokio::spawn({
        let store = store.clone();
        async move {
            loop {
                let claimed = store.claim(claim.clone()).await.expect("it is known");
                if claimed.is_empty() {
                    store.wait(claim.wanted.clone()).await.expect("it lives");
                    continue;
                }
                if sender.send(Instant::now()).is_err() {
                    return;
                }
                store
                    .settle(done(&claimed))
                    .await
                    .expect("they are settled");
            }
        }
    });
    let mut times = Vec::new();
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let start = Instant::now();
        store.insert(vec![job()]).await?;
        let taken = receiver.recv().await.expect("the taker lives");
        times.push(taken.saturating_duration_since(start));
    }
    taker.abort();
    print_times("picked up at 20 / s after", times);
    Ok(())
}

fn print_times(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // It is an index.
        let index = (share * (times.len() - 1) as f64) as usize;
        times[index]
    };
    println!(
        "{what}: p50 {:?}, p99 {:?}, max {:?}",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

async fn million_waiting(place: &Path) -> Outcome {
    let name = "waiting";
    let store = open(place, name).await?;
    let claim = worker(&store).await?;
    for thousands in [1, 1_000] {
        let have = if thousands == 1 { 0 } else { 1_000 };
        for _ in 0..(thousands * 1_000 - have) / 1_000 {
            store.insert((0..1_000).map(|_| job()).collect()).await?;
        }
        let mut times = Vec::new();
        for _ in 0..20 {
            let start = Instant::now();
            let mut few = claim.clone();
            few.limit = 10;
            let claimed = store.claim(few).await?;
            times.push(start.elapsed());
            let released = claimed
                .iter()
                .map(|claimed| Settlement::new(claimed.lease, Next::Release));
            store.settle(released.collect()).await?;
        }
        print_times(&format!("claim of 10 with {thousands},000 waiting"), times);
    }
    let start = Instant::now();
    let counts = marionette::inspect::Inspect::counts(&store).await?;
    println!(
        "counts of a million: {:?} ({} rows)",
        start.elapsed(),
        counts.len()
    );
    drop(store);
    let bytes = std::fs::metadata(place.join(name))?.len();
    println!("a million waiting: {:.0} bytes each", bytes as f64 / 1e6);
    let start = Instant::now();
    let store = open(place, name).await?;
    println!("open with a million waiting: {:?}", start.elapsed());
    let claim = worker(&store).await?;
    assert_eq!(store.claim(claim).await?.len(), 500);
    println!("… and claim the first 500: {:?}", start.elapsed());
    Ok(())
}
