//! A file that an older version of the library wrote is brought to this one's with all that is in
//! it.

mod common;

use std::time::{Duration, UNIX_EPOCH};

use common::{
    Place, by, claim, done, known_instance, name, paused_in, settle, version_1, version_2,
};
use marionette::TaskId;
use marionette::inspect::{ActivityFilter, ActivityKind, Filter, Inspect, JobDetails, Page};
use marionette::store::{EndKind, JobState, PastOutcome, Settled, Store, StoreErrorKind};
use marionette_sqlite::SqliteStore;
use marionette_sqlite::rusqlite::Connection;

/// The job of this number, and the instance that had it.
const JOB: &str = "01990000-0000-7000-8000-0000000000";
const INSTANCE: &str = "01990000-0000-7000-8000-ffffffffffff";

async fn details(store: &SqliteStore, number: u8) -> JobDetails {
    let id: TaskId = format!("{JOB}{number:02x}").parse().expect("it is an id");
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
    assert_eq!(version().await.expect("an answer"), Some(3));
    assert_eq!(SqliteStore::VERSION, 3);

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
    let paused = paused_in(&store).await;
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
    assert_eq!(
        err.expect_err("it is not trusted").kind(),
        StoreErrorKind::Refused
    );
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

#[tokio::test]
async fn jobs_of_version_2_are_what_they_were() {
    let place = Place::new();
    version_2::make(&place.path());
    let version = async || SqliteStore::version_of(place.path()).await;
    assert_eq!(version().await.expect("an answer"), Some(2));
    let store = place.open().await;
    assert_eq!(version().await.expect("an answer"), Some(3));

    for (number, state, payload) in [
        (1, JobState::Ready, "ready"),
        (2, JobState::Scheduled, "scheduled"),
        (3, JobState::Retrying, "retrying"),
        (4, JobState::Running, "running"),
        (5, JobState::Done, "done"),
        (6, JobState::Dead, "dead"),
        (7, JobState::Cancelled, "cancelled"),
        (8, JobState::Quarantined, "quarantined"),
        (9, JobState::Cancelled, "expired"),
        (10, JobState::Cancelled, "given up between attempts"),
        (11, JobState::Dead, "given up in an attempt"),
        (12, JobState::Cancelled, "cancelled in an attempt"),
        (13, JobState::Running, "to be cancelled"),
        (14, JobState::Done, "done and kept"),
        (15, JobState::Done, "done without"),
        (16, JobState::Dead, "given up, begun anew and failed"),
    ] {
        let job = details(&store, number).await;
        assert_eq!(job.summary.state, state);
        assert_eq!(job.payload, format!("\"{payload}\"").into_bytes());
    }
    let options = details(&store, 2).await.options;
    assert_eq!(options.retries, 2);
    assert_eq!(options.expires_after, Some(Duration::new(90, 5)));
    assert_eq!(options.keep_result, Some(Duration::from_secs(60)));
    let done = details(&store, 5).await;
    assert_eq!(done.result.as_deref(), Some(&b"{\"sent\":true}"[..]));
    let without = details(&store, 15).await;
    assert_eq!(without.unkept.as_deref(), Some("a number is NaN"));
    assert_eq!((without.result, done.unkept), (None, None));
    let ran: Vec<_> = done.attempts.iter().map(|it| it.ran).collect();
    assert_eq!(ran, [Duration::from_millis(250)]);
    for (number, reason) in [
        (7, "expired: I mean, not needed"),
        (8, "its worker died 3 times while it had it"),
        (9, "expired: not started within 1.5s of its time"),
        (10, "given up after 10s in total"),
        (12, "shutting down"),
    ] {
        let job = details(&store, number).await;
        assert_eq!(job.summary.reason.as_deref(), Some(reason));
    }
    let paused = paused_in(&store).await;
    assert_eq!(paused, ["closed"]);
    let all = store.list(Filter::default(), Page::default()).await;
    assert_eq!(all.expect("an answer").jobs.len(), 16);
}

#[tokio::test]
async fn what_version_2_said_of_an_attempt_in_a_text_is_data_afterwards() {
    let place = Place::new();
    version_2::make(&place.path());
    let store = place.open().await;
    let attempts = async |number| {
        let all = details(&store, number).await.attempts;
        let each = all.into_iter().map(|it| (it.outcome, it.error));
        each.collect::<Vec<_>>()
    };
    let said = |text: &str| Some(text.to_owned());
    assert_eq!(
        attempts(3).await,
        [
            (PastOutcome::Failed, said("panicked: is what it said")),
            (PastOutcome::Crashed, None),
        ],
        "the error of a handler is its own"
    );
    assert_eq!(
        attempts(6).await,
        [
            (PastOutcome::TimedOut, said("timed out after 1s")),
            (
                PastOutcome::Panicked,
                said("index out of bounds at src/a.rs:7")
            ),
        ]
    );
    assert_eq!(
        attempts(11).await[1],
        (PastOutcome::GivenUp, said("given up after 10s in total"))
    );
    assert_eq!(
        attempts(12).await,
        [(PastOutcome::Cancelled, said("shutting down"))]
    );
}

#[tokio::test]
async fn how_a_job_of_version_2_ended_is_data_afterwards() {
    let place = Place::new();
    version_2::make(&place.path());
    let store = place.open().await;
    for (number, end) in [
        (5, None),
        (6, Some(EndKind::Failed)),
        (7, Some(EndKind::Cancelled)),
        (8, Some(EndKind::Quarantined)),
        (9, Some(EndKind::Expired)),
        (10, Some(EndKind::GivenUp)),
        (11, Some(EndKind::GivenUp)),
        (12, Some(EndKind::Cancelled)),
        (16, Some(EndKind::Failed)),
    ] {
        assert_eq!(details(&store, number).await.summary.end, end, "{number}");
    }
    drop(store);
    let connection = Connection::open(place.path()).expect("it is a database");
    let query = "SELECT seq, end_kind FROM marionette_job WHERE end_kind IS NOT NULL ORDER BY seq";
    let mut statement = connection.prepare(query).expect("it is SQL");
    let ends = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let ends = ends.expect("an answer").map(|end| end.expect("a row"));
    let expected = [
        (6, "failed"),
        (7, "cancelled"),
        (8, "quarantined"),
        (9, "expired"),
        (10, "given_up"),
        (11, "given_up"),
        (12, "cancelled"),
        (16, "failed"),
    ];
    let expected = expected.map(|(seq, kind)| (seq, kind.to_owned()));
    assert_eq!(ends.collect::<Vec<(i64, String)>>(), expected);
}

#[tokio::test]
async fn jobs_of_version_2_go_on() {
    let place = Place::new();
    version_2::make(&place.path());
    let store = place.open().await;
    let instance = known_instance(&store).await;
    // Nobody holds the lock of the instance that had the jobs which ran.
    let swept = store.sweep().await.expect("it is done");
    assert_eq!(swept.released, 1, "the other one is cancelled");
    let claimed = claim(&store, &instance, 10).await;
    let mut payloads: Vec<_> = claimed.iter().map(|job| &*job.payload).collect();
    payloads.sort_unstable();
    assert_eq!(payloads, [&b"\"ready\""[..], b"\"running\""]);
    for job in &claimed {
        assert_eq!(settle(&store, done(job.lease)).await, Settled::Applied);
    }
    assert_eq!(details(&store, 4).await.summary.state, JobState::Done);
    let cancelled = details(&store, 13).await.summary;
    assert_eq!(cancelled.state, JobState::Cancelled);
    assert_eq!(cancelled.reason.as_deref(), Some("not any more"));
}

#[tokio::test]
async fn who_paused_a_queue_of_version_2_is_not_known_and_who_resumes_it_is() {
    let place = Place::new();
    version_2::make(&place.path());
    let store = place.open().await;
    let paused = store.paused_queues().await.expect("an answer");
    assert_eq!(paused.len(), 1);
    assert_eq!((&*paused[0].queue, &paused[0].by), ("closed", &None));
    assert_eq!(paused[0].since, UNIX_EPOCH + Duration::from_micros(1));
    let activities = async || store.activity(ActivityFilter::new()).await;
    assert_eq!(activities().await.expect("an answer"), []);
    let resumed = store.resume_queue(name("closed"), by()).await;
    resumed.expect("a change");
    let told = activities().await.expect("an answer");
    assert_eq!(told[0].kind, ActivityKind::Resumed);
    assert_eq!(told[0].by, by());
}
