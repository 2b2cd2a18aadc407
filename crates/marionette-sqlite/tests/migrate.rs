//! A file that an older version of the library wrote is brought to this one's with all that is in
//! it.

mod common;

use common::{Place, claim, done, known_instance, settle, version_1};
use marionette::TaskId;
use marionette::inspect::{Filter, Inspect, JobDetails, Page};
use marionette::store::{JobState, PastOutcome, Settled, Store};
use marionette_sqlite::SqliteStore;
use marionette_sqlite::rusqlite::Connection;

/// The job of this number, and the instance that had it.
const JOB: &str = "01990000-0000-7000-8000-00000000000";
const INSTANCE: &str = "01990000-0000-7000-8000-ffffffffffff";

async fn details(store: &SqliteStore, number: u8) -> JobDetails {
    let id: TaskId = format!("{JOB}{number}").parse().expect("it is an id");
    let found = store.job(id).await.expect("an answer");
    found.expect("it is there")
}

#[tokio::test]
async fn jobs_of_version_1_are_what_they_were() {
    let place = Place::new();
    version_1::make(&place.path());
    let version = async || SqliteStore::version_of(place.path()).await;
    assert_eq!(version().await.expect("an answer"), Some(1));
    let store = place.open().await;
    assert_eq!(version().await.expect("an answer"), Some(2));
    assert_eq!(SqliteStore::VERSION, 2);

    for (number, state, payload) in [
        (1, JobState::Ready, "ready"),
        (2, JobState::Scheduled, "scheduled"),
        (3, JobState::Retrying, "retrying"),
        (4, JobState::Running, "running"),
        (5, JobState::Done, "done"),
        (6, JobState::Dead, "dead"),
        (7, JobState::Cancelled, "cancelled"),
        (8, JobState::Quarantined, "quarantined"),
    ] {
        let job = details(&store, number).await;
        assert_eq!(job.summary.state, state);
        assert_eq!(job.payload, format!("\"{payload}\"").into_bytes());
    }
    let later = details(&store, 2).await;
    assert_eq!(later.options.name.as_deref(), Some("later"));
    assert_eq!(&*later.summary.queue, "slow");
    let done = details(&store, 5).await;
    assert_eq!(done.result.as_deref(), Some(&b"{\"sent\":true}"[..]));
    assert_eq!(done.attempts.len(), 1);
    let dead = details(&store, 6).await;
    let outcomes = [PastOutcome::Failed, PastOutcome::Panicked];
    assert!(dead.attempts.iter().map(|it| it.outcome).eq(outcomes));
    assert_eq!(
        dead.attempts[1].error.as_deref(),
        Some("index out of bounds")
    );
    let cancelled = details(&store, 7).await;
    assert_eq!(cancelled.summary.reason.as_deref(), Some("not needed"));
    let paused = store.paused_queues().await.expect("an answer");
    assert_eq!(paused, ["closed"]);
    let all = store.list(Filter::default(), Page::default()).await;
    assert_eq!(all.expect("an answer").jobs.len(), 8);
}

#[tokio::test]
async fn who_had_a_job_in_version_1_is_known_afterwards() {
    let place = Place::new();
    version_1::make(&place.path());
    drop(place.open().await);
    let connection = Connection::open(place.path()).expect("it is a database");
    let ask = |query: &str| {
        let hex = connection.query_row(query, [], |row| row.get::<_, String>(0));
        hex.expect("there is one").to_lowercase()
    };
    let instance = INSTANCE.replace('-', "");
    for query in [
        "SELECT hex(id) FROM marionette_instance WHERE workers = 4 AND beat = 9",
        "SELECT hex(instance) FROM marionette_job WHERE seq = 4",
        "SELECT hex(instance) FROM marionette_attempt WHERE job = 8",
    ] {
        assert_eq!(ask(query), instance, "{query}");
    }
}

#[tokio::test]
async fn jobs_of_version_1_go_on() {
    let place = Place::new();
    version_1::make(&place.path());
    let store = place.open().await;
    let instance = known_instance(&store).await;
    // Nobody holds the lock of the instance that had the job which ran.
    let swept = store.sweep().await.expect("it is done");
    assert_eq!(swept.released, 1);
    let claimed = claim(&store, &instance, 10).await;
    let mut payloads: Vec<_> = claimed.iter().map(|job| &*job.payload).collect();
    payloads.sort_unstable();
    assert_eq!(payloads, [&b"\"ready\""[..], b"\"running\""]);
    for job in &claimed {
        assert_eq!(settle(&store, done(job.lease)).await, Settled::Applied);
    }
    let ran = details(&store, 4).await;
    assert_eq!(ran.summary.state, JobState::Done);
    let outcomes = [PastOutcome::Crashed, PastOutcome::Done];
    assert!(ran.attempts.iter().map(|it| it.outcome).eq(outcomes));
}

#[tokio::test]
async fn what_the_application_added_to_version_1_follows_the_new_names_if_it_is_trusted() {
    let place = Place::new();
    version_1::make(&place.path());
    let connection = Connection::open(place.path()).expect("it is a database");
    let added = "CREATE TABLE notes (id, who);
        CREATE TRIGGER noted AFTER UPDATE OF state ON marionette_job WHEN new.state = 3
            BEGIN INSERT INTO notes VALUES (new.id, new.worker); END;
        CREATE VIEW busy AS SELECT count(*) AS jobs FROM marionette_job JOIN marionette_worker
            ON marionette_job.worker = marionette_worker.id";
    connection.execute_batch(added).expect("it can be written");
    let err = SqliteStore::open(place.path()).await;
    assert!(err.expect_err("it is not trusted").is_refused());
    assert_eq!(
        SqliteStore::version_of(place.path())
            .await
            .expect("an answer"),
        Some(1),
        "what is refused stays as it is"
    );
    let options = SqliteStore::options().trust_additions();
    let store = options.open(place.path()).await.expect("it is trusted");
    let instance = known_instance(&store).await;
    let claimed = claim(&store, &instance, 1).await;
    assert_eq!(claimed.len(), 1);
    let ask = |query: &str| connection.query_row(query, [], |row| row.get::<_, i64>(0));
    assert_eq!(
        ask("SELECT count(*) FROM notes WHERE length(who) = 16"),
        Ok(1)
    );
    assert_eq!(ask("SELECT jobs FROM busy"), Ok(6), "the view too");
}
