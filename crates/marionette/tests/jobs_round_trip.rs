//! An accepted job can be decoded, and a job that is done stays done when its result cannot be
//! read.

use std::collections::{BTreeMap, HashMap};

use marionette::error::QueueErrorKind;
use marionette::inspect::Inspect;
use marionette::store::JobState;
use marionette::{BoxError, Context, Job, MemoryStore, Payload, TaskManager, wrap};
use serde::{Deserialize, Serialize};

/// A job of any arguments.
#[derive(Debug, Serialize, Deserialize)]
struct Any<T>(T);

impl<T: Serialize + serde::de::DeserializeOwned + Send + 'static> Job for Any<T> {
    const KIND: &'static str = "any";
    type Output = ();
}

/// Checks that every way in refuses the job, with its kind and this reason, and stores nothing.
async fn is_refused<T>(new: impl Fn() -> T, why: &str)
where
    T: Serialize + serde::de::DeserializeOwned + Send + 'static,
{
    let store = MemoryStore::new();
    let tasks = TaskManager::builder().store(store.clone()).build();
    let tasks = tasks.expect("it is sound");
    let in_memory = TaskManager::builder().handle(async |_: Any<T>, _: Context| Ok(()));
    let in_memory = in_memory.build().expect("it is sound");
    in_memory.start();
    let hour = std::time::Duration::from_secs(3600);
    let row = wrap(Any(new())).into_new_job();
    let texts = [
        tasks
            .queue(Any(new()))
            .await
            .map(drop)
            .unwrap_err()
            .to_string(),
        tasks
            .delay(hour, Any(new()))
            .await
            .map(drop)
            .unwrap_err()
            .to_string(),
        tasks
            .queue_many([Any(new())])
            .await
            .map(drop)
            .unwrap_err()
            .why()
            .to_string(),
        tasks
            .queue(wrap(Any(new())))
            .await
            .map(drop)
            .unwrap_err()
            .to_string(),
        row.map(drop).unwrap_err().to_string(),
        in_memory
            .queue(Any(new()))
            .await
            .map(drop)
            .unwrap_err()
            .to_string(),
    ];
    for text in texts {
        assert!(
            text.starts_with("a payload of kind `any` does not "),
            "{text}"
        );
        assert!(text.contains(why), "{text}: {why}");
    }
    let counts = store.counts().await.expect("it answers");
    assert!(counts.is_empty(), "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_come_back_from_its_encoding_is_refused_with_the_reason() {
    #[derive(Serialize, Deserialize)]
    struct Skips {
        #[serde(skip_serializing)]
        #[allow(dead_code)] // It is there to be missing.
        secret: String,
    }
    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Renamed {
        #[serde(rename(serialize = "here"), default)]
        place: String,
    }
    #[derive(Serialize, Deserialize)]
    struct Deep(Option<Box<Deep>>);
    fn deep(levels: usize) -> Deep {
        (0..levels).fold(Deep(None), |inner, _| Deep(Some(Box::new(inner))))
    }
    #[derive(Serialize, Deserialize)]
    struct Nested(Vec<Nested>);
    fn nested(levels: usize) -> Nested {
        (0..levels).fold(Nested(Vec::new()), |inner, _| Nested(vec![inner]))
    }

    is_refused(|| f64::NAN, "a number is NaN, which JSON does not have").await;
    is_refused(|| Some(f32::INFINITY), "a number is inf,").await;
    is_refused(|| vec![1.0, f64::NEG_INFINITY], "a number is -inf,").await;
    let tuples = || HashMap::from([((1, 2), 3)]);
    is_refused(tuples, "key must be a string").await;
    is_refused(|| BTreeMap::from([(vec![1], 3)]), "key must be a string").await;
    is_refused(|| nested(200), "recursion limit").await;
    is_refused(|| Skips { secret: "x".into() }, "missing field `secret`").await;
    is_refused(|| Renamed { place: "x".into() }, "unknown field `here`").await;

    // A payload that comes back is accepted, whatever it looks like.
    let tasks = TaskManager::builder().store(MemoryStore::new()).build();
    let tasks = tasks.expect("it is sound");
    tasks.queue(Any(deep(100))).await.expect("it is not nested");
    tasks
        .queue(Any(nested(100)))
        .await
        .expect("it is not too deep");
    tasks
        .queue(Any(u128::MAX))
        .await
        .expect("JSON has numbers of any length");
    tasks
        .queue(Any(BTreeMap::from([(7, f64::MAX)])))
        .await
        .expect("its keys are texts then");
    tasks
        .queue(Any(HashMap::from([("a", 1)]).len()))
        .await
        .expect("it is a number");
}

/// A job with an encoding of its own.
#[derive(Debug)]
enum Own {
    Disagrees,
    Panics,
}

impl Job for Own {
    const KIND: &'static str = "own";
    type Output = ();
}

impl Payload for Own {
    fn encode(&self) -> Result<Vec<u8>, BoxError> {
        Ok(format!("{self:?}").into_bytes())
    }

    fn decode(payload: &[u8]) -> Result<Self, BoxError> {
        match payload {
            b"Panics" => panic!("this was never tried"),
            _ => Err("it begins with an unknown byte".into()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_encoding_of_ones_own_has_to_agree_with_its_decoding() {
    let tasks = TaskManager::builder().store(MemoryStore::new()).build();
    let tasks = tasks.expect("it is sound");
    for (job, why) in [
        (Own::Disagrees, "it begins with an unknown byte"),
        (Own::Panics, "panicked: this was never tried"),
    ] {
        let refused = tasks.queue(job).await.expect_err("it cannot run");
        assert_eq!(refused.kind(), QueueErrorKind::Unstorable);
        let text = refused.to_string();
        let expected = "a payload of kind `own` does not come back from its encoding: ";
        assert!(text.starts_with(expected) && text.contains(why), "{text}");
    }
}

/// A result that cannot be stored, or not be read again.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Outcome {
    NotANumber(f64),
    Tuples(HashMap<(u8, u8), u8>),
    Large(String),
}

#[derive(Serialize, Deserialize)]
struct Makes(u8);

impl Job for Makes {
    const KIND: &'static str = "makes";
    type Output = Outcome;
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_result_cannot_be_read_is_done_all_the_same() {
    let store = MemoryStore::new();
    let handler = async |Makes(which): Makes, _: Context| {
        Ok(match which {
            0 => Outcome::NotANumber(f64::NAN),
            1 => Outcome::Tuples(HashMap::from([((1, 2), 3)])),
            _ => Outcome::Large("x".repeat(1024 * 1024)),
        })
    };
    let tasks = TaskManager::builder()
        .store(store.clone())
        .handle(handler)
        .build();
    let tasks = tasks.expect("it is sound");
    tasks.start();
    let reasons = [
        "could not be kept: a result of kind `makes` does not encode: a number is NaN",
        "could not be kept: a result of kind `makes` does not encode: key must be a string",
        "could not be kept: it has 1048588 bytes, the limit is 1048576",
    ];
    for (which, reason) in (0..).zip(reasons) {
        let handle = tasks
            .queue(Makes(which))
            .retries(5)
            .await
            .expect("it is accepted");
        let id = handle.id();
        let error = handle.await.expect_err("its result cannot be read");
        assert!(error.is_unreadable(), "{error:?}");
        let text = error.to_string();
        let expected = format!("the job is done, but its result {reason}");
        assert!(text.starts_with(&expected), "{text}");
        let job = store
            .job(id)
            .await
            .expect("it answers")
            .expect("it is kept");
        assert_eq!(job.summary.state, JobState::Done);
        assert_eq!(
            (job.summary.failed, job.attempts.len()),
            (0, 1),
            "it ran once"
        );
    }
    assert_eq!(tasks.stats().failed, 0);
    let _ = tasks.stop().await;
}
