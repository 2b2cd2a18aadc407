//! Queues, numbers and workers.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use marionette::store::{JobState, Store};
use serde_json::Value;

use crate::shop::{Shop, claim};

#[tokio::test]
async fn nothing_is_claimed_from_a_paused_queue_until_it_is_resumed() {
    let shop = Shop::open().await;
    let place = &shop.place;
    let out = place.good(&["pause", "default"]);
    assert!(
        out.starts_with("the queue default is paused: what runs goes on"),
        "{out}"
    );
    assert!(claim(&shop.store, &shop.worker).await.is_none());
    let out = place.good(&["pause", "default"]);
    let told = "the queue default was paused already (by ";
    assert!(
        out.starts_with(told) && out.contains(" via command, "),
        "{out}"
    );
    let out = place.good(&["stats"]);
    assert!(out.contains("\npaused: default (by "), "{out}");
    assert_eq!(
        place.good(&["resume", "default"]),
        "the queue default goes on\n"
    );
    assert_eq!(
        place.good(&["resume", "default"]),
        "the queue default was not paused\n"
    );
    shop.claim(shop.id(JobState::Ready)).await;
}

#[tokio::test]
async fn the_name_of_a_queue_is_checked_and_one_without_tasks_is_told() {
    let shop = Shop::open().await;
    let said = shop.place.run(&["pause", "a b"]);
    assert_eq!(said.code, Some(2));
    assert!(
        said.err
            .contains("'a b' for '<QUEUE>': the name `a b` has ' ', which is none of"),
        "{said:?}"
    );
    let said = shop.place.run(&["pause", "defualt"]);
    assert_eq!(
        said.err,
        "marionette: no task is in the queue defualt so far\n"
    );
}

#[tokio::test]
async fn the_numbers_are_in_a_table() {
    let shop = Shop::open().await;
    let out = shop.place.good(&["stats"]);
    let lines: Vec<Vec<_>> = out
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines[0][..4], ["QUEUE", "KIND", "READY", "SCHEDULED"]);
    assert_eq!(
        lines[1],
        [
            "default", "mail", "1", "-", "1", "1", "1", "1", "-", "1", "6"
        ]
    );
    assert_eq!(
        lines[2],
        [
            "night", "report", "-", "1", "-", "-", "-", "-", "1", "-", "2"
        ]
    );
    assert_eq!(
        lines[3],
        ["all", "1", "1", "1", "1", "1", "1", "1", "1", "8"]
    );
    assert_eq!(lines[4][..2], ["oldest", "ready:"]);
}

#[tokio::test]
async fn numbers_are_watched_for_as_long_as_somebody_reads() {
    let shop = Shop::open().await;
    let mut command = shop.place.command(&["stats", "--json", "--watch", "1"]);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut next = || -> Value {
        let line = lines.next().expect("it goes on").expect("it is text");
        serde_json::from_str(&line).expect("each line is JSON")
    };
    assert_eq!(next()["totals"]["dead"], 1);
    shop.place.good(&["retry", "--state", "dead", "--yes"]);
    // It may have looked again just before.
    assert!((0..3).any(|_| next()["totals"]["dead"] == 0));
    drop(lines);
    assert!(child.wait().expect("it was started").success());
}

#[tokio::test]
async fn workers_that_live_are_listed() {
    let shop = Shop::open().await;
    shop.store
        .renew(shop.worker.clone(), vec![])
        .await
        .expect("it lives");
    let out = shop.place.good(&["workers"]);
    let lines: Vec<Vec<_>> = out
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines.len(), 2, "{out}");
    let process = std::process::id().to_string();
    let told = ["shop-1", "mail-3", &process, "1", "4", "shop", "2.4.1"];
    assert_eq!(lines[1][1..8], told);
}
