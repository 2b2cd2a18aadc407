//! Lanes without jobs are deleted, whichever other process works on the file, and no job is lost by
//! that.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Place, by, claim, done, insert, job, known_instance, name, paused_in, settle};
use marionette::inspect::{Inspect, Which};
use marionette::store::{Claim, Claimed, Ended, InstanceInfo, NewJob, Settled, Store, Wanted};
use marionette_sqlite::SqliteStore;
use marionette_sqlite::rusqlite::Connection;

/// How many lanes stay without jobs, and the newest.
const KEPT: i64 = 65;

fn in_queue(queue: &str) -> NewJob {
    job().queue(name(queue))
}

fn wanted(queues: impl IntoIterator<Item = String>) -> Wanted {
    Wanted::new([name("mail")]).queues(queues.into_iter().map(name))
}

async fn claim_from(store: &SqliteStore, instance: &InstanceInfo, wanted: Wanted) -> Vec<Claimed> {
    let claim = Claim::new(instance.id, wanted, 10).suspects(10);
    store.claim(claim).await.expect("the instance is known")
}

fn number(place: &Place, sql: &str) -> i64 {
    let connection = Connection::open(place.path()).expect("it is a database");
    let number = connection.query_row(sql, [], |row| row.get(0));
    number.expect("it is a number")
}

fn lanes(place: &Place) -> i64 {
    number(place, "SELECT count(*) FROM marionette_lane")
}

/// Sweeps as a new process does, which looks for idle lanes at its first sweep.
async fn sweep(place: &Place) {
    place.open().await.sweep().await.expect("it sweeps");
}

/// Puts a job into each of some new queues and deletes it.
async fn use_queues(store: &SqliteStore, name: &str, count: usize) {
    let jobs = (0..count).map(|queue| in_queue(&format!("{name}-{queue}")));
    let jobs: Vec<_> = jobs.collect();
    let ids = jobs.iter().map(|job| job.id).collect();
    store.insert(jobs).await.expect("there is room");
    store
        .delete(Which::Ids(ids), by())
        .await
        .expect("it deletes");
}

#[tokio::test]
async fn lanes_without_jobs_go_and_their_numbers_never_come_again() {
    let place = Place::new();
    let store = place.open().await;
    let mut newest = 0;
    for round in 0..3 {
        use_queues(&store, &format!("round-{round}"), 300).await;
        let first = number(
            &place,
            "SELECT min(id) FROM marionette_lane WHERE suspect < 2",
        );
        assert!(first > newest - KEPT, "round {round}");
        newest = number(&place, "SELECT max(id) FROM marionette_lane");
        sweep(&place).await;
        sweep(&place).await;
        assert!(lanes(&place) <= KEPT, "{} are left", lanes(&place));
    }
    assert_eq!(newest, 900);
}

#[tokio::test]
async fn a_lane_with_a_job_in_any_state_stays() {
    let place = Place::new();
    let store = place.open().await;
    let instance = known_instance(&store).await;
    let names = ["done", "runs", "waits", "kept", "cancelled"];
    let mut ids = Vec::new();
    for name in names {
        let mut job = in_queue(name);
        if name == "kept" {
            job.options.keep_result = Some(Duration::from_secs(3600));
        }
        ids.push(insert(&store, job).await);
    }
    for name in ["done", "runs", "kept"] {
        let claimed = claim_from(&store, &instance, wanted([name.to_owned()])).await;
        if name != "runs" {
            assert_eq!(
                settle(&store, done(claimed[0].lease)).await,
                Settled::Applied
            );
        }
    }
    let cancelled = store
        .cancel(Which::Ids(vec![ids[4]]), "no".into(), by())
        .await;
    assert_eq!(cancelled.expect("it cancels"), 1);
    use_queues(&store, "other", 300).await;
    for _ in 0..3 {
        sweep(&place).await;
    }
    assert!(lanes(&place) <= KEPT + 5, "{} are left", lanes(&place));
    for (id, name) in ids.into_iter().zip(names) {
        let details = store.job(id).await.expect("an answer");
        assert_eq!(details.expect("it is kept").summary.queue, name);
    }
}

#[tokio::test]
async fn a_lane_that_a_process_remembers_and_another_dropped_takes_no_job() {
    let place = Place::new();
    let (store, other) = (place.open().await, place.open().await);
    let instance = known_instance(&other).await;
    // Closed by the first sweep, deleted by the second.
    for sweeps in [1, 2] {
        let queue = format!("remembered-{sweeps}");
        use_queues(&store, &queue, 1).await;
        use_queues(&other, &format!("newer-{sweeps}"), 100).await;
        for _ in 0..sweeps {
            sweep(&place).await;
        }
        let queue = format!("{queue}-0");
        let open = format!("SELECT count(*) FROM marionette_lane WHERE queue = '{queue}'");
        assert_eq!(number(&place, &open), 2 - sweeps);
        let id = insert(&store, in_queue(&queue)).await;
        let claimed = claim_from(&other, &instance, wanted([queue])).await;
        let claimed: Vec<_> = claimed.iter().map(|claimed| claimed.lease.job).collect();
        assert_eq!(claimed, [id]);
        let orphans = "SELECT count(*) FROM marionette_job
            WHERE lane NOT IN (SELECT id FROM marionette_lane WHERE suspect < 2)";
        assert_eq!(number(&place, orphans), 0);
    }
}

#[tokio::test]
async fn a_queue_that_is_paused_is_so_when_its_lanes_went() {
    let place = Place::new();
    let store = place.open().await;
    let instance = known_instance(&store).await;
    use_queues(&store, "paused", 1).await;
    store
        .pause_queue(name("paused-0"), by())
        .await
        .expect("it pauses");
    use_queues(&store, "other", 300).await;
    sweep(&place).await;
    sweep(&place).await;
    assert!(lanes(&place) <= KEPT);
    assert_eq!(paused_in(&store).await, ["paused-0"]);
    insert(&store, in_queue("paused-0")).await;
    assert!(claim(&store, &instance, 10).await.is_empty());
    store
        .resume_queue(name("paused-0"), by())
        .await
        .expect("it resumes");
    assert_eq!(claim(&store, &instance, 10).await.len(), 1);
}

#[tokio::test]
async fn among_very_many_lanes_the_old_ones_are_found_by_everybody() {
    let place = Place::new();
    let store = place.open().await;
    let queues = ["old", "older"].map(str::to_owned);
    for queue in &queues {
        insert(&store, in_queue(queue)).await;
    }
    let connection = Connection::open(place.path()).expect("it is a database");
    let many = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10100)
        INSERT INTO marionette_lane (queue, kind, priority, suspect)
        SELECT 'many-' || n, 'mail', 0, 0 FROM n";
    connection.execute(many, []).expect("there is room");
    let unused = (0..20).map(|queue| format!("unused-{queue}"));
    let few = wanted(queues.clone());
    let wishes = [few, wanted(queues.into_iter().chain(unused)), wanted([])];
    for (round, wish) in wishes.into_iter().enumerate() {
        let other = place.open().await;
        let instance = known_instance(&other).await;
        let counts = other.counts().await.expect("an answer");
        assert_eq!(
            counts.iter().map(|count| count.jobs).sum::<u64>(),
            2 + round as u64 * 2
        );
        let claimed = claim_from(&other, &instance, wish).await;
        assert_eq!(claimed.len(), 2);
        for claimed in claimed {
            settle(&other, done(claimed.lease)).await;
        }
        for queue in ["old", "older"] {
            insert(&other, in_queue(queue)).await;
        }
    }
    assert_eq!(lanes(&place), 10_102);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_job_is_lost_while_lanes_go_under_several_processes() {
    const ROUNDS: usize = 40;
    const JOBS: usize = 30;
    let place = Arc::new(Place::new());
    let options = || SqliteStore::options().keep_done_count(0);
    let mut at_work = Vec::new();
    for process in 0..3 {
        let store = options().open(place.path()).await.expect("it opens");
        at_work.push(tokio::spawn(async move {
            let instance = known_instance(&store).await;
            for round in 0..ROUNDS {
                // Each queue is used, left empty and used again by all of them.
                let queue = |job: usize| format!("{}", (round * 11 + process * 3 + job) % 150);
                let jobs: Vec<_> = (0..JOBS).map(|job| in_queue(&queue(job))).collect();
                store.insert(jobs).await.expect("there is room");
                let claimed = claim(&store, &instance, JOBS).await;
                let settled = claimed.iter().map(|claimed| done(claimed.lease)).collect();
                store.settle(settled).await.expect("it is written");
            }
        }));
    }
    let sweeper = {
        let place = place.clone();
        tokio::spawn(async move {
            loop {
                let store = options().open(place.path()).await.expect("it opens");
                store.sweep().await.expect("it sweeps");
            }
        })
    };
    for at_work in at_work {
        at_work.await.expect("no panic");
    }
    let store = options().open(place.path()).await.expect("it opens");
    let instance = known_instance(&store).await;
    loop {
        let claimed = claim(&store, &instance, 100).await;
        if claimed.is_empty() {
            break;
        }
        for claimed in claimed {
            settle(&store, done(claimed.lease)).await;
        }
    }
    sweeper.abort();
    let left = "SELECT count(*) FROM marionette_job WHERE state < 4";
    assert_eq!(
        number(&place, left),
        0,
        "jobs are in lanes that nobody finds"
    );
}

#[tokio::test]
async fn who_wants_to_know_hears_of_all_that_is_deleted() {
    let place = Place::new();
    let options = SqliteStore::options().keep_done_count(0);
    let store = options.open(place.path()).await.expect("it opens");
    let instance = known_instance(&store).await;
    let forgotten = store.forgotten();
    let pruned = insert(&store, job()).await;
    let claimed = claim(&store, &instance, 1).await;
    settle(&store, done(claimed[0].lease)).await;
    let deleted = insert(&store, job()).await;
    let stays = insert(&store, job()).await;
    store.sweep().await.expect("it sweeps");
    store
        .delete(Which::Ids(vec![deleted]), by())
        .await
        .expect("it deletes");
    let told = forgotten.take();
    assert_eq!((told.ids, told.missed), (vec![pruned, deleted], 0));
    assert!(forgotten.take().ids.is_empty());
    let ended = store.ended(vec![pruned, deleted, stays]).await;
    assert_eq!(
        ended.expect("an answer"),
        [Ended::Missing, Ended::Missing, Ended::NotYet]
    );
}
