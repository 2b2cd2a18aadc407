//! Calls, and what waits for them.

use std::time::{Duration, Instant};

use marionette::TaskId;
use marionette::store::{
    Claim, Inserted, InstanceId, InstanceInfo, Name, NewJob, Store, StoreError, Wanted,
};
use marionette_redis::RedisStore;
use marionette_servers::{RedisServer, Reply};

/// How soon calls have to work again once a server is back.
pub(crate) const BACK: Duration = Duration::from_secs(5);

pub(crate) async fn connect(server: &RedisServer) -> RedisStore {
    RedisStore::connect(server.url()).await.expect("a store")
}

/// The error of an attempt to connect.
pub(crate) async fn refusal(url: &str) -> StoreError {
    RedisStore::connect(url).await.expect_err("no store")
}

/// A call on the connection for jobs.
pub(crate) async fn ask(store: &RedisStore) -> Result<(), StoreError> {
    store.ended(vec![TaskId::new()]).await.map(drop)
}

/// A call on the connection for signs of life.
pub(crate) async fn beat(store: &RedisStore) -> Result<(), StoreError> {
    let instance = InstanceInfo::new(InstanceId::new(), "test", 1);
    store.renew(instance, vec![]).await.map(drop)
}

/// A call on both.
pub(crate) async fn both(store: &RedisStore) -> Result<(), StoreError> {
    let (ask, beat) = tokio::join!(ask(store), beat(store));
    ask.and(beat)
}

/// Accepts a job.
pub(crate) async fn insert(store: &RedisStore) -> Result<TaskId, StoreError> {
    let job = NewJob::new(Name::from_static("mail"), b"{}".to_vec());
    let id = job.id;
    let inserted = store.insert(vec![job]).await?;
    assert_eq!(inserted, [Inserted::Accepted]);
    Ok(id)
}

/// Claims all that waits, as a new instance.
pub(crate) async fn claim(store: &RedisStore) -> Result<Vec<TaskId>, StoreError> {
    let instance = InstanceInfo::new(InstanceId::new(), "test", 1);
    store.renew(instance.clone(), vec![]).await?;
    let wanted = Wanted::new(vec![Name::from_static("mail")]);
    let claimed = store.claim(Claim::new(instance.id, wanted, 100)).await?;
    Ok(claimed
        .into_iter()
        .map(|claimed| claimed.lease.job)
        .collect())
}

/// A call that ran while a server was replaced, which may take longer than a call waits.
pub(crate) fn answered_or_late(answer: Result<(), StoreError>) {
    if let Err(error) = answer {
        assert!(error.is_unavailable(), "{error}");
    }
}

/// Waits until calls work again, and asserts that this is soon.
pub(crate) async fn is_back(store: &RedisStore) {
    let since = now();
    both(store).await.expect("an answer");
    let took = since.elapsed();
    assert!(took < BACK, "calls work only after {took:?}");
}

#[allow(clippy::disallowed_methods)] // A server has no clock that a test could move.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The numbers of our connections to a server.
pub(crate) fn connections(server: &RedisServer) -> Vec<String> {
    let Reply::Bulk(list) = server.command(&["CLIENT", "LIST"]) else {
        panic!("no list of clients");
    };
    let list = String::from_utf8(list).expect("text");
    let ours = list
        .lines()
        .filter(|line| line.contains(" name=marionette "));
    ours.map(|line| word(line, "id=").to_owned()).collect()
}

fn word<'a>(line: &'a str, name: &str) -> &'a str {
    let mut words = line.split(' ');
    words
        .find_map(|word| word.strip_prefix(name))
        .expect("the word")
}

/// How many channels of processes are heard.
pub(crate) fn heard(server: &RedisServer) -> usize {
    match server.command(&["PUBSUB", "SHARDCHANNELS", "{marionette}:wake:*"]) {
        Reply::Array(channels) => channels.len(),
        other => panic!("no channels: {other:?}"),
    }
}

/// What the next sweep warns of.
pub(crate) async fn warning(store: &RedisStore) -> Option<String> {
    store.sweep().await.expect("a sweep").warning
}

/// Waits until there are so many connections of ours.
pub(crate) async fn has_connections(server: &RedisServer, count: usize) -> Vec<String> {
    let since = now();
    loop {
        let connections = connections(server);
        if connections.len() == count {
            return connections;
        }
        let shown = format!("{connections:?}");
        assert!(since.elapsed() < Duration::from_secs(20), "{shown}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
