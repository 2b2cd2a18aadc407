//! What it costs to wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use marionette::store::{Due, Duty, Name, Store};
use marionette_redis::RedisStore;

use crate::bed::{Bed, Process, job, now, wanted};

/// What the processes send. The commands of scripts are no calls of theirs.
const SENT: [&str; 3] = ["evalsha", "info", "ping"];

#[tokio::test]
async fn a_hundred_callers_of_one_process_cost_as_much_as_one() {
    let poll = Duration::from_millis(500);
    let Some(bed) = Bed::new(RedisStore::options().poll(poll)) else {
        return;
    };
    let process = Arc::new(bed.process().await);
    // Neither of these is for them.
    let other_kind = marionette::store::NewJob::new(Name::from_static("other"), Vec::new());
    let later = job().due(Due::After(Duration::from_secs(600)));
    process.insert(vec![other_kind, later]).await;
    let ends = Arc::new(AtomicUsize::new(0));
    let mut waits = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (process, ends) = (Arc::clone(&process), Arc::clone(&ends));
        waits.spawn(async move {
            loop {
                process
                    .store
                    .rest(Duty::Claim(wanted()))
                    .await
                    .expect("a wait");
                ends.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    bed.until_idle(1).await;
    let (before, began) = (bed.commands(&["evalsha"]), now());
    tokio::time::sleep(poll * 6).await;
    let sent = bed.commands(&["evalsha"]) - before;
    let polls = (now() - began).as_secs_f64() / poll.as_secs_f64();
    assert_eq!(ends.load(Ordering::Relaxed), 0, "nobody is woken in vain");
    assert!(
        f64::from(u32::try_from(sent).unwrap()) <= polls + 3.0,
        "{sent} in {polls} polls"
    );
}

/// What an idle manager does.
async fn idle(process: Arc<Process>) {
    let own = Arc::clone(&process);
    let claims = async move {
        loop {
            assert!(own.claim(4).await.is_empty());
            own.store.rest(Duty::Claim(wanted())).await.expect("a wait");
        }
    };
    let own = Arc::clone(&process);
    let sweeps = async move {
        loop {
            own.store.rest(Duty::Sweep).await.expect("a rest");
            own.store.sweep().await.expect("a sweep");
        }
    };
    let beats = async move {
        loop {
            let id = process.instance.id;
            process.store.rest(Duty::Beat(id)).await.expect("a rest");
            process.beat().await;
        }
    };
    tokio::join!(claims, sweeps, beats);
}

#[tokio::test]
async fn ten_idle_processes_send_at_most_fifteen_commands_a_second() {
    const PROCESSES: usize = 10;
    let Some(bed) = Bed::new(RedisStore::options()) else {
        return;
    };
    let mut idlers = tokio::task::JoinSet::new();
    for _ in 0..PROCESSES {
        idlers.spawn(idle(Arc::new(bed.process().await)));
    }
    bed.until_idle(PROCESSES).await;
    // The first sweep of each asks about the server.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let (before, began) = (bed.commands(&SENT), now());
    tokio::time::sleep(Duration::from_secs(12)).await;
    let sent = bed.commands(&SENT) - before;
    let seconds = (now() - began).as_secs_f64();
    let rate = f64::from(u32::try_from(sent).unwrap()) / seconds;
    println!("{rate:.1} commands a second");
    assert!(rate <= 15.0, "{rate:.1} commands a second");
    assert!(rate > 5.0, "{rate:.1}: they do something else");
}
