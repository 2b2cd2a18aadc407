//! Tests that only this store allows: its wall clock is stepped.

use crate::memory_store::{
    Claim, Duration, Inspect, InstanceInfo, MemoryStore, NewJob, Store, TaskId, Wanted,
};
use crate::store::{Due, InstanceId, JobState, Name};

const HOUR: i64 = 3_600_000_000_000;

fn job(due: Due) -> NewJob {
    NewJob::new(Name::from_static("mail"), Vec::new()).due(due)
}

async fn claim(store: &MemoryStore) -> Vec<TaskId> {
    let instance = InstanceInfo::new(InstanceId::new(), "server", 1);
    let claim = Claim::new(instance.id, Wanted::new([Name::from_static("mail")]), 9).suspects(9);
    let renewed = store.renew(instance, Vec::new()).await;
    assert!(renewed.is_ok());
    let claimed = store.claim(claim).await.expect("the instance is known");
    claimed.iter().map(|claimed| claimed.lease.job).collect()
}

#[tokio::test(start_paused = true)]
async fn a_step_of_the_wall_clock_moves_dates_and_no_pauses() {
    let store = MemoryStore::new();
    let wall = &store.shared.wall;
    let pause = Duration::from_secs(60);
    let delayed = job(Due::After(pause));
    let scheduled = job(Due::At(wall.now() + pause));
    let ids = [delayed.id, scheduled.id];
    store
        .insert(vec![delayed, scheduled])
        .await
        .expect("they are in order");

    wall.step_by(-HOUR);
    tokio::time::advance(pause).await;
    assert_eq!(
        claim(&store).await,
        [ids[0]],
        "the pause is over, the date is an hour ahead"
    );

    wall.step_by(HOUR);
    // A paused wall clock is read to within a few microseconds.
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(claim(&store).await, [ids[1]]);
}

#[tokio::test(start_paused = true)]
async fn a_step_of_the_wall_clock_kills_no_worker_and_prunes_nothing() {
    let store = MemoryStore::new();
    let new = job(Due::Now);
    let id = new.id;
    store.insert(vec![new]).await.expect("it is in order");
    assert_eq!(claim(&store).await, [id]);
    for step in [10 * HOUR, -20 * HOUR] {
        store.shared.wall.step_by(step);
        let swept = store.sweep().await.expect("a sweep");
        assert_eq!(swept.released, 0);
        let details = store
            .job(id)
            .await
            .expect("an answer")
            .expect("it is there");
        assert_eq!(details.summary.state, JobState::Running);
    }
}
