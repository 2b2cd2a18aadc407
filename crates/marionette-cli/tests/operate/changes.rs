//! What changes, what does not, and who is asked before.

use marionette::inspect::{Activity, ActivityFilter, ActivityKind, Inspect};
use marionette::store::JobState;

use crate::shop::Shop;

/// The states of the eight jobs, in the order in which they were put there.
async fn states(shop: &Shop) -> Vec<String> {
    let mut states = Vec::new();
    for (_, id) in shop.jobs() {
        let state = shop.state(id).await;
        states.push(state.map_or("gone", JobState::as_str).to_owned());
    }
    states
}

const BEFORE: [&str; 8] = [
    "quarantined",
    "retrying",
    "dead",
    "done",
    "running",
    "cancelled",
    "scheduled",
    "ready",
];

async fn by_ids(verb: &str) -> (Shop, crate::fixture::Said) {
    let shop = Shop::open().await;
    assert_eq!(states(&shop).await, BEFORE);
    let ids: Vec<_> = shop.jobs().map(|(_, id)| id.to_string()).collect();
    let args: Vec<_> = [verb]
        .into_iter()
        .chain(ids.iter().map(String::as_str))
        .collect();
    let said = shop.place.run(&args);
    assert_eq!(said.code, Some(1), "{said:?}");
    (shop, said)
}

#[tokio::test]
async fn retry_says_why_some_are_left() {
    let (shop, said) = by_ids("retry").await;
    assert_eq!(said.out, "retried 5 tasks\n");
    let not = |state: JobState, why: &str| {
        format!(
            "marionette: not retried: {}: {state}, {why}\n",
            shop.id(state)
        )
    };
    let expected = [
        not(JobState::Done, "it has succeeded"),
        not(JobState::Running, "it runs; cancel it first"),
        not(JobState::Ready, "ready already: it waits for a worker"),
    ];
    assert_eq!(said.err, expected.concat());
    assert_eq!(
        states(&shop).await,
        [
            "ready", "ready", "ready", "done", "running", "ready", "ready", "ready"
        ]
    );
}

#[tokio::test]
async fn cancel_ends_what_waits_and_tells_what_runs() {
    let (shop, said) = by_ids("cancel").await;
    assert_eq!(said.out, "cancelled 4 tasks\n");
    let left = ["cancelled", "dead", "done", "running", "quarantined"];
    assert!(
        left[..3]
            .iter()
            .all(|state| said.err.contains(&format!("{state}, it has ended")))
    );
    assert_eq!(
        states(&shop).await,
        [
            "quarantined",
            "cancelled",
            "dead",
            "done",
            "running",
            "cancelled",
            "cancelled",
            "cancelled"
        ]
    );
    let why = shop
        .place
        .value(&["show", &shop.id(JobState::Ready).to_string()]);
    assert_eq!(why["reason"], "cancelled by an operator");
    let again = shop
        .place
        .run(&["cancel", &shop.id(JobState::Running).to_string()]);
    assert_eq!(
        (again.code, again.out.as_str()),
        (Some(1), "cancelled 0 tasks\n")
    );
    assert!(
        again.err.contains("1 task: somebody else was faster"),
        "{again:?}"
    );
}

#[tokio::test]
async fn delete_leaves_what_runs() {
    let (shop, said) = by_ids("delete").await;
    assert_eq!(said.out, "deleted 7 tasks\n");
    assert!(
        said.err.contains("running, it runs; cancel it first"),
        "{said:?}"
    );
    assert_eq!(
        states(&shop).await,
        [
            "gone", "gone", "gone", "gone", "running", "gone", "gone", "gone"
        ]
    );
}

#[tokio::test]
async fn a_change_by_conditions_is_refused_where_nobody_can_be_asked() {
    let shop = Shop::open().await;
    for (args, question) in [
        (
            ["retry", "--kind", "mail"],
            "retry 2 tasks (1 dead, 1 quarantined)",
        ),
        (
            ["cancel", "--queue", "night"],
            "cancel 1 task (1 scheduled)",
        ),
        (
            ["delete", "--text", "welcome"],
            "delete 3 tasks (1 done, 1 dead, 1 quarantined)",
        ),
        (["prune", "--older", "0s"], "delete 4 tasks"),
    ] {
        let said = shop.place.run(&args);
        let expected = format!(
            "marionette: {question}? There is no terminal on which to ask: say --yes to do it, or \
             --dry-run to see what it would change\n"
        );
        assert_eq!((said.code, said.err), (Some(2), expected), "{args:?}");
        assert_eq!(states(&shop).await, BEFORE);
    }
}

#[tokio::test]
async fn a_dry_run_shows_what_would_change_and_changes_nothing() {
    let shop = Shop::open().await;
    let out = shop
        .place
        .good(&["retry", "--state", "dead,cancelled", "--dry-run"]);
    assert!(
        out.contains("welcome ada") && out.contains("nobody reads it"),
        "{out}"
    );
    assert!(out.ends_with("2 tasks would be retried\n"), "{out}");
    let id = shop.id(JobState::Dead).to_string();
    assert_eq!(
        shop.place.good(&["delete", &id, "--dry-run"]),
        "1 task would be deleted\n"
    );
    let out = shop.place.good(&["prune", "--older", "0s", "--dry-run"]);
    assert_eq!(
        out,
        "1 done, 1 dead, 1 cancelled, 1 quarantined\n4 tasks would be deleted\n"
    );
    assert_eq!(states(&shop).await, BEFORE);
}

#[tokio::test]
async fn a_change_by_conditions_meets_what_matches_and_makes_sense() {
    let shop = Shop::open().await;
    assert_eq!(
        shop.place.good(&["retry", "--all", "--yes"]),
        "retried 2 tasks\n"
    );
    let said = shop.place.run(&[
        "cancel",
        "--kind",
        "report",
        "--state",
        "ended,waiting",
        "-y",
    ]);
    assert_eq!(said.out, "cancelled 1 task\n");
    assert_eq!(
        said.err,
        "marionette: not cancelled: 1 task: cancelled, it has ended\n"
    );
    assert_eq!(said.code, Some(0));
    assert_eq!(
        shop.place.good(&["delete", "--all", "--yes"]),
        "deleted 3 tasks\n"
    );
    assert_eq!(
        states(&shop).await,
        [
            "ready", "retrying", "ready", "gone", "running", "gone", "gone", "ready"
        ]
    );
    assert_eq!(
        shop.place.good(&["retry", "--kind", "nothing"]),
        "retried 0 tasks\n"
    );
}

#[tokio::test]
async fn a_change_of_nothing_in_particular_or_of_two_things_is_refused() {
    let shop = Shop::open().await;
    let said = shop.place.run(&["delete"]);
    assert_eq!(said.code, Some(2));
    assert!(
        said.err.contains("nothing says which tasks to delete"),
        "{said:?}"
    );
    let said = shop.place.run(&["delete", "abcd", "--state", "dead"]);
    assert_eq!(said.code, Some(2));
    assert!(
        said.err
            .contains("by their ids or by conditions, not by both"),
        "{said:?}"
    );
    let said = shop
        .place
        .run(&["prune", "--older", "1d", "--state", "ready"]);
    assert_eq!(said.code, Some(2));
    assert!(
        said.err.contains("[possible values: done, dead"),
        "{said:?}"
    );
}

#[tokio::test]
async fn prune_deletes_what_ended_long_ago_and_not_what_was_accepted_then() {
    let shop = Shop::open().await;
    let rusqlite = marionette_sqlite::rusqlite::Connection::open(shop.place.path());
    let connection = rusqlite.expect("it can be opened");
    let hour = 3_600_000_000_i64;
    // All are a day old; only what is done ended so long ago.
    let back = [
        "UPDATE marionette_job SET accepted = accepted - 24 * ?1",
        "UPDATE marionette_job SET ended = ended - 24 * ?1 WHERE state = 4",
    ];
    for back in back {
        connection.execute(back, [hour]).expect("it can be written");
    }
    assert_eq!(
        shop.place.good(&["prune", "--older", "23h", "-y"]),
        "deleted 1 task\n"
    );
    assert_eq!(shop.state(shop.id(JobState::Done)).await, None);
    assert_eq!(
        shop.place
            .good(&["prune", "--older", "0s", "-s", "dead", "-y"]),
        "deleted 1 task\n"
    );
    assert_eq!(
        shop.place
            .good(&["prune", "--older", "0s", "--queue", "night", "-y"]),
        "deleted 1 task\n"
    );
    assert_eq!(shop.place.values(&["list"]).len(), 5);
}

/// The change that was made last.
async fn last(shop: &Shop) -> Activity {
    let filter = ActivityFilter::new().limit(1);
    let mut activities = shop.store.activity(filter).await.expect("an answer");
    activities.pop().expect("there is one")
}

#[tokio::test]
async fn every_change_is_noted_with_the_user_and_the_command() {
    let shop = Shop::open().await;
    let id = |state| shop.id(state).to_string();
    let (dead, scheduled) = (id(JobState::Dead), id(JobState::Scheduled));
    let verbs = [
        (vec!["retry", &dead], ActivityKind::Retried),
        (vec!["cancel", &dead], ActivityKind::Cancelled),
        (vec!["delete", &dead], ActivityKind::Deleted),
        (
            vec!["reschedule", &scheduled, "2031-06-01T00:00:00Z"],
            ActivityKind::Rescheduled,
        ),
        (vec!["pause", "night"], ActivityKind::Paused),
        (vec!["resume", "night"], ActivityKind::Resumed),
        (
            vec!["prune", "--older", "0s", "--yes"],
            ActivityKind::Deleted,
        ),
    ];
    let before = last(&shop).await.number;
    let mut users = Vec::new();
    for (number, (args, kind)) in (before + 1..).zip(verbs) {
        shop.place.good(&args);
        let activity = last(&shop).await;
        assert_eq!((activity.number, activity.kind), (number, kind), "{args:?}");
        assert_eq!(activity.by.via(), "command", "{args:?}");
        users.push(activity.by.name().to_owned());
    }
    users.dedup();
    assert!(users.len() == 1 && !users[0].is_empty(), "{users:?}");

    let shown = shop.place.good(&["show", &scheduled]);
    let told = format!("rescheduled by {} via command", users[0]);
    assert!(shown.contains(&told), "{shown}");
}
