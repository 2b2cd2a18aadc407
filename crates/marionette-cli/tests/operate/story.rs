//! An operator's day: find what failed, see why, let it run again.

use marionette::store::JobState;

use crate::fixture::Place;
use crate::shop::Shop;

#[tokio::test]
async fn a_failed_job_is_found_understood_and_retried_with_two_commands() {
    let shop = Shop::open().await;
    let dead = shop.id(JobState::Dead);

    let list = shop.place.good(&["list", "--state", "dead"]);
    let line = list.lines().nth(1).expect("one line below the heads");
    let (id, rest) = line.split_once(' ').expect("it has columns");
    assert!(
        rest.contains("mail welcome ada") && rest.contains("mailbox unavailable"),
        "{list}"
    );

    assert_eq!(shop.place.good(&["retry", id]), "retried 1 task\n");

    // What was due before it goes first.
    shop.claim(shop.id(JobState::Ready)).await;
    let claimed = shop.claim(dead).await;
    assert_eq!(claimed.failed, 0, "it begins anew");
}

#[tokio::test]
async fn all_that_happened_to_a_job_is_shown_in_order() {
    let shop = Shop::open().await;
    let id = shop.id(JobState::Dead).to_string();
    let shown = shop.place.good(&["show", &id]);
    let mut rest = shown.as_str();
    for part in [
        "mail welcome ada",
        &id,
        "dead",
        "mailbox unavailable",
        "default, priority 0",
        "twice, and failed",
        "1 retry, after pauses from 1.0s up to 1m, each 2 times the one before",
        "each attempt may run for 30s",
        "accepted",
        "attempt 1: failed after 1.5s, by instance",
        "connection refused\n        caused by: os error 111",
        "attempt 2: failed",
        "mailbox unavailable",
        "dead",
        "Payload, 12 bytes",
        r#""to": "ada""#,
    ] {
        let place = rest.find(part);
        let place = place.unwrap_or_else(|| panic!("{part:?} is not (there) in:\n{shown}"));
        rest = &rest[place + part.len()..];
    }
}

#[test]
fn a_command_that_failed_is_shown_with_what_it_wrote_and_without_its_secrets() {
    let place = Place::new();
    // Two pipes tell nothing of which was first: the one is kept before the other is written to.
    let script = "echo to-out; until grep -rqs to-out tasks.db-output; do sleep 0.01; done; \
                  echo to-err >&2; exit 3";
    place.good(&["add", "--secret", "3", "--", "sh", "-c", script, "hunter2"]);
    place.run(&["work", "--once", "-j", "1"]);
    let job = place.value(&["list", "--state", "failed"]);
    let id = job["short"].as_str().expect("it is a text");

    let shown = place.good(&["show", id]);
    assert!(shown.contains("Output of attempt 1, 14 bytes"), "{shown}");
    assert!(shown.contains("  to-out\n  to-err\n"), "{shown}");
    assert!(shown.contains("exit status 3"), "{shown}");
    let value = place.value(&["show", "--full", id]);
    assert_eq!(value["output"][0]["text"], "to-out\nto-err\n");
    assert_eq!(value["payload"]["command"][3]["secret"], "***");
    for said in [shown, value.to_string()] {
        assert!(said.contains("***") && !said.contains("hunter2"), "{said}");
    }

    let output = place.directory.path().join("tasks.db-output");
    // The folder of the task is in one of those that stay.
    let mut shards = output.read_dir().expect("it is there");
    let shard = shards.next().expect("it is there").expect("it can be read");
    let tasks = || shard.path().read_dir().expect("it is there").count();
    assert_eq!(tasks(), 1);
    assert_eq!(place.good(&["delete", id]), "deleted 1 task\n");
    assert_eq!(tasks(), 0);
}

#[tokio::test]
async fn what_is_long_is_cut_unless_all_of_it_is_asked_for() {
    use marionette::store::Store;

    let place = Place::new();
    let mut job = crate::shop::mail("ada");
    job.payload = serde_json::to_vec(&"x".repeat(100_000)).expect("it is plain data");
    let id = job.id.to_string();
    place
        .open()
        .await
        .insert(vec![job])
        .await
        .expect("it is accepted");

    let shown = place.good(&["show", &id]);
    assert!(shown.len() < 6_000, "{}", shown.len());
    assert!(
        shown.contains("[… 95906 bytes more; --full shows all …]"),
        "{shown}"
    );
    assert!(place.good(&["show", "--full", &id]).len() > 100_000);
    let value = place.value(&["show", &id]);
    assert_eq!(
        (&value["payload_bytes"], &value["payload_cut"]),
        (&100_002.into(), &true.into())
    );
    let value = place.value(&["show", "--full", &id]);
    assert_eq!(value["payload"].as_str().map(str::len), Some(100_000));
}
