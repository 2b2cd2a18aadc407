//! What a store waits for before a change counts, and what it says where that cannot be had.

use std::time::Duration;

use marionette::TaskId;
use marionette::inspect::{By, Inspect, Which};
use marionette::store::{
    Claim, Inserted, InstanceId, InstanceInfo, Name, NewJob, Next, Settled, Settlement, Store,
    StoreError, StoreErrorKind, Wanted,
};
use marionette_redis::{Durability, RedisStore};
use marionette_servers::{AppendOnly, RedisServer, RedisSettings, Reply};

use crate::common::{claim, has_connections, insert};
use crate::peer::{Act, Peer};
use crate::rights::RIGHTS;

const MAIL: Name = Name::from_static("mail");

async fn connect(url: &str, durability: Durability) -> Result<RedisStore, StoreError> {
    let options = RedisStore::options().durability(durability);
    options.connect(url).await
}

async fn refusal(url: &str, durability: Durability) -> String {
    let error = connect(url, durability).await.expect_err("no store");
    assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");
    let text = error.to_string();
    let named = format!("Durability::{durability:?}");
    assert!(text.contains(url) && text.contains(&named), "{text}");
    text
}

fn with_file(append_only: AppendOnly) -> RedisSettings {
    RedisServer::settings().append_only(append_only)
}

/// A line of `INFO`, up to a comma.
fn info(server: &RedisServer, section: &str, line: &str) -> Option<String> {
    let text = server.command(&["INFO", section]).text();
    let mut lines = text.lines();
    let rest = lines.find_map(|it| it.strip_prefix(line)?.strip_prefix(':'))?;
    rest.split(',').next().map(str::to_owned)
}

/// Whether the server says when a write is on its disk: from version 7.2 on.
fn knows_waitaof(server: &RedisServer) -> bool {
    let known = server.command(&["COMMAND", "INFO", "waitaof"]).list();
    matches!(known[..], [Reply::Array(_)])
}

/// How often the server was asked whether it keeps what was written.
fn proofs(server: &RedisServer) -> u32 {
    let one = |name: &str| {
        let calls = info(server, "commandstats", &format!("cmdstat_{name}"));
        let calls = calls.as_deref().and_then(|it| it.strip_prefix("calls="));
        calls.and_then(|it| it.parse::<u32>().ok()).unwrap_or(0)
    };
    one("waitaof") + one("wait") + one("config|get")
}

fn mail() -> NewJob {
    NewJob::new(MAIL, b"{}".to_vec())
}

async fn insert_as(store: &RedisStore, id: TaskId) -> Result<Inserted, StoreError> {
    let mut job = mail();
    job.id = id;
    Ok(store.insert(vec![job]).await?.remove(0))
}

/// How many jobs the store has.
async fn count(store: &RedisStore) -> u64 {
    let counts = store.counts().await.expect("counts");
    counts.iter().map(|count| count.jobs).sum()
}

async fn is_clean(store: &RedisStore) {
    let report = store.check().await.expect("a report");
    assert!(report.is_clean(), "{report}");
}

/// The text of an error that says that the outcome is not known.
fn unavailable(error: &StoreError) -> String {
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    error.to_string()
}

#[tokio::test]
async fn a_server_that_writes_nothing_to_its_disk_cannot_be_asked_to_keep_jobs_there() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let text = refusal(&server.url(), Durability::Synced).await;
    assert!(text.contains("keeps no append-only file"), "{text}");
    let error = connect(&server.url(), Durability::Replicated(0)).await;
    let text = error.expect_err("no store").to_string();
    assert!(text.contains("names no replica"), "{text}");
    // The address may say it too.
    let url = format!("{}?durability=synced", server.url());
    let error = RedisStore::connect(&url).await.expect_err("no store");
    let text = error.to_string();
    assert!(text.contains("Durability::Synced asks"), "{text}");
    let error = connect(&url, Durability::Server)
        .await
        .expect_err("no store");
    let text = error.to_string();
    assert!(
        text.contains("Durability::Server and Synced in its address"),
        "{text}"
    );
    has_connections(&server, 0).await;
}

#[tokio::test]
async fn what_people_and_workers_change_waits_for_the_disk_and_claims_do_not() {
    let Some(server) = with_file(AppendOnly::Always).start() else {
        return;
    };
    let store = connect(&server.url(), Durability::Synced).await.unwrap();
    has_connections(&server, 4).await;
    let before = proofs(&server);
    let asked = || proofs(&server) - before;
    let instance = InstanceInfo::new(InstanceId::new(), "test", 1);
    store.insert(vec![mail(), mail()]).await.unwrap();
    assert_eq!(asked(), 1);
    store.renew(instance.clone(), vec![]).await.unwrap();
    let wanted = Wanted::new([MAIL]);
    let claimed = store
        .claim(Claim::new(instance.id, wanted, 1))
        .await
        .unwrap();
    let lease = claimed[0].lease;
    store.renew(instance, vec![lease]).await.unwrap();
    store.sweep().await.unwrap();
    store.ended(vec![lease.job]).await.unwrap();
    assert_eq!(asked(), 1);
    let done = Settlement::new(lease, Next::Done(b"null".to_vec()));
    assert_eq!(store.settle(vec![done]).await.unwrap(), [Settled::Applied]);
    assert_eq!(asked(), 2);
    let by = || By::new("ada", "test");
    store
        .pause_queue(Name::from_static("default"), by())
        .await
        .unwrap();
    assert_eq!(asked(), 3);
    // A change of many jobs is made in steps, and waits once.
    store
        .insert((0..250).map(|_| mail()).collect())
        .await
        .unwrap();
    assert_eq!(asked(), 4);
    let all = || Which::Matching(marionette::inspect::Filter::new());
    let changed = store.cancel(all(), "no longer".into(), by()).await.unwrap();
    assert_eq!((changed, asked()), (251, 5));
    // Nothing to change, nothing to wait for.
    assert_eq!(
        store.cancel(all(), "no longer".into(), by()).await.unwrap(),
        0
    );
    assert_eq!(asked(), 5);
    is_clean(&store).await;
}

#[tokio::test]
async fn no_job_that_was_accepted_is_gone_when_the_server_was_killed_at_once() {
    let Some(mut server) = with_file(AppendOnly::Always).start() else {
        return;
    };
    let store = connect(&server.url(), Durability::Synced).await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(insert(&store).await.unwrap());
        server.kill();
        server.restart();
    }
    ids.sort_unstable();
    let mut claimed = claim(&store).await.unwrap();
    claimed.sort_unstable();
    assert_eq!(claimed, ids);
    is_clean(&store).await;
    has_connections(&server, 4).await;
}

#[tokio::test]
async fn a_server_that_writes_each_second_is_waited_for_also_when_it_is_killed() {
    let Some(mut server) = with_file(AppendOnly::EverySecond).start() else {
        return;
    };
    if !knows_waitaof(&server) {
        eprintln!("SKIPPED: waiting for a disk that is written each second: it takes version 7.2");
        let text = refusal(&server.url(), Durability::Synced).await;
        assert!(text.contains("older than version 7.2"), "{text}");
        assert!(text.contains("set appendfsync to always"), "{text}");
        return;
    }
    let store = connect(&server.url(), Durability::Synced).await.unwrap();
    for _ in 0..3 {
        // Callers that come together wait together.
        let all = (0..50).map(|_| {
            tokio::spawn({
                let store = store.clone();
                async move { insert(&store).await.unwrap() }
            })
        });
        let mut ids = Vec::new();
        for id in all.collect::<Vec<_>>() {
            ids.push(id.await.unwrap());
        }
        server.kill();
        server.restart();
        let mut claimed = claim(&store).await.unwrap();
        claimed.sort_unstable();
        ids.sort_unstable();
        assert_eq!(claimed, ids);
    }
    is_clean(&store).await;
}

#[tokio::test]
async fn a_setting_that_changes_later_costs_the_changes_and_nothing_else() {
    let Some(server) = with_file(AppendOnly::Always).start() else {
        return;
    };
    let store = connect(&server.url(), Durability::Synced).await.unwrap();
    server.command(&["CONFIG", "SET", "appendonly", "no"]);
    let id = TaskId::new();
    let error = insert_as(&store, id).await.unwrap_err();
    let text = unavailable(&error);
    assert!(text.contains("keeps no append-only file"), "{text}");
    assert!(text.contains("may be lost"), "{text}");
    // It is there all the same, and claims go on.
    assert_eq!(claim(&store).await.unwrap(), [id]);
    server.command(&["CONFIG", "SET", "appendonly", "yes"]);
    let inserted = insert_as(&store, id).await.unwrap();
    assert_eq!(inserted, Inserted::Known);
    assert_eq!(count(&store).await, 1);
    is_clean(&store).await;
}

#[tokio::test]
async fn replicas_that_are_not_there_are_missed_and_waited_for() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let wanted = Durability::Replicated(1);
    let error = connect(&server.url(), wanted)
        .await
        .expect_err("no replica");
    let text = unavailable(&error);
    assert!(text.contains("0 of 1 replica has"), "{text}");
    assert!(text.contains("Durability::Replicated(1)"), "{text}");
    // One comes while the store is being connected.
    let url = server.url();
    let (store, replica) = tokio::join!(connect(&url, wanted), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let settings = RedisServer::settings().replica_of(&server);
        settings.start().expect("the other server is there")
    });
    let store = store.unwrap();
    let id = insert(&store).await.unwrap();
    let there = replica.command(&["HEXISTS", "{marionette}:bodies", "x"]);
    assert_eq!(there, Reply::Int(0));
    assert_eq!(
        replica.command(&["HLEN", "{marionette}:bodies"]),
        Reply::Int(1)
    );
    // It stands still: what is accepted now, it does not have.
    replica.stand_still();
    let other = TaskId::new();
    let (inserted, claimed) = tokio::join!(insert_as(&store, other), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        claim(&store).await
    });
    let text = unavailable(&inserted.unwrap_err());
    assert!(text.contains("0 of 1 replica has"), "{text}");
    let mut claimed = claimed.unwrap();
    claimed.sort_unstable();
    let mut both = [id, other];
    both.sort_unstable();
    assert_eq!(claimed, both);
    replica.go_on();
    assert_eq!(insert_as(&store, other).await.unwrap(), Inserted::Known);
    assert_eq!(count(&store).await, 2);
    is_clean(&store).await;
}

#[tokio::test]
async fn a_user_who_may_not_ask_whether_jobs_are_kept_is_told_which_right_is_missing() {
    let Some(server) = with_file(AppendOnly::Always).start() else {
        return;
    };
    let right = if knows_waitaof(&server) {
        "+waitaof"
    } else {
        "+config|get"
    };
    let mut user = vec!["ACL", "SETUSER", "ada", "reset", "on", ">hunter2"];
    user.extend(RIGHTS.split_whitespace());
    server.command(&user);
    let url = server.url().replace("//", "//ada:hunter2@");
    let error = connect(&url, Durability::Synced)
        .await
        .expect_err("a right");
    let text = error.to_string();
    assert_eq!(error.kind(), StoreErrorKind::Refused, "{text}");
    assert!(text.contains(&format!("lacks the right {right}")), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    server.command(&["ACL", "SETUSER", "ada", right]);
    let store = connect(&url, Durability::Synced).await.unwrap();
    insert(&store).await.unwrap();
}

/// A peer in front of a server that looks like one of version 7.4 with an append-only file, and
/// answers to `WAITAOF` what `say` says.
fn newer(server: &RedisServer, say: impl FnMut() -> Act + Send + 'static) -> Peer {
    let mut say = say;
    Peer::new(server.port(), move |command| match command {
        "INFO" => Act::Say("$36\r\nredis_version:7.4.0\r\naof_enabled:1\r\n\r\n"),
        "WAITAOF 1" => say(),
        _ => Act::Pass,
    })
}

const SYNCED: &str = "*2\r\n:1\r\n:0\r\n";
const UNBLOCKED: &str = "-UNBLOCKED force unblock from blocking operation\r\n";
const NOT_YET: &str = "*2\r\n:0\r\n:0\r\n";

/// What becomes of an insert, while the server answers this to the question behind it; then of the
/// same insert when all is well.
async fn told(
    server: &RedisServer,
    answers: &'static [&'static str],
) -> Result<Inserted, StoreError> {
    server.command(&["FLUSHALL"]);
    let peer = newer(server, || Act::Say(SYNCED));
    let store = connect(&peer.url(), Durability::Synced).await.unwrap();
    let mut left = answers.iter();
    peer.now(move |command| match command {
        "INFO" => Act::Say("$36\r\nredis_version:7.4.0\r\naof_enabled:1\r\n\r\n"),
        "WAITAOF 1" => match left.next() {
            Some(&"") => Act::Nothing,
            Some(answer) => Act::Say(answer),
            None => Act::Say(SYNCED),
        },
        _ => Act::Pass,
    });
    let id = TaskId::new();
    let inserted = insert_as(&store, id).await;
    if inserted.is_err() {
        assert_eq!(insert_as(&store, id).await.unwrap(), Inserted::Known);
    }
    assert_eq!(count(&store).await, 1);
    assert_eq!(claim(&store).await.unwrap(), [id]);
    is_clean(&store).await;
    inserted
}

#[tokio::test]
async fn an_answer_that_comes_late_is_asked_for_again_and_nothing_is_done_twice() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    assert_eq!(told(&server, &[NOT_YET]).await.unwrap(), Inserted::Accepted);
    let text = unavailable(&told(&server, &[NOT_YET, NOT_YET]).await.unwrap_err());
    assert!(text.contains("has not written all to its disk"), "{text}");
    assert!(text.contains("may be lost"), "{text}");
}

#[tokio::test]
async fn a_server_that_does_not_say_whether_it_keeps_a_change_is_asked_on_another_connection() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    // The change is sent again with it: the other connection knows nothing of it.
    assert_eq!(told(&server, &[UNBLOCKED]).await.unwrap(), Inserted::Known);
    assert_eq!(told(&server, &[""]).await.unwrap(), Inserted::Known);
    let text = unavailable(&told(&server, &["", ""]).await.unwrap_err());
    assert!(text.contains("within 10 s"), "{text}");
    let text = unavailable(&told(&server, &["-ERR out of sorts\r\n"]).await.unwrap_err());
    assert!(text.contains("it says ERR out of sorts"), "{text}");
    let text = unavailable(&told(&server, &["+OK\r\n"]).await.unwrap_err());
    assert!(
        text.contains("does not answer as a Redis server does"),
        "{text}"
    );
}

#[tokio::test]
async fn what_a_server_cannot_keep_is_told_when_a_store_is_connected() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let refusals = [
        (
            "-ERR unknown command 'WAITAOF', with args beginning with: '1' '0'\r\n",
            "does not know the command WAITAOF",
        ),
        (
            "-NOPERM User default has no permissions to run the 'waitaof' command\r\n",
            "its user lacks the right +waitaof",
        ),
        (
            "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.\r\n",
            "keeps no append-only file",
        ),
    ];
    for (answer, what) in refusals {
        let peer = newer(&server, move || Act::Say(answer));
        let text = refusal(&peer.url(), Durability::Synced).await;
        assert!(text.contains(what), "{text}");
    }
    let peer = newer(&server, || Act::Say("*2\r\n:1\r\n:1\r\n"));
    let store = connect(&peer.url(), Durability::Replicated(1))
        .await
        .unwrap();
    insert(&store).await.unwrap();
}
