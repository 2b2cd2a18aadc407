//! Another time for what waits; and what is said where a queue is paused.

use marionette::store::JobState;

use crate::fixture::Place;
use crate::shop::Shop;

/// When a task is due, as programs are told.
fn due(place: &Place, id: &str) -> String {
    let shown = place.value(&["show", id]);
    shown["due"].as_str().expect("it is due").to_owned()
}

#[tokio::test]
async fn what_waits_gets_another_time_and_what_does_not_is_told() {
    let shop = Shop::open().await;
    let time = "2031-05-01 06:00";
    for state in [JobState::Ready, JobState::Scheduled, JobState::Retrying] {
        let id = shop.id(state).to_string();
        let said = shop.place.run(&["reschedule", &id, time]);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert_eq!(said.out, "rescheduled 1 task\n");
        assert!(
            said.err.contains("due: 2031-05-01 06:00:00, in "),
            "{said:?}"
        );
        assert_eq!(due(&shop.place, &id), "2031-05-01T06:00:00.000+05:30");
    }
    for (state, why) in [
        (JobState::Running, "it runs"),
        (
            JobState::Done,
            "it has ended; `marionette retry` runs it again",
        ),
        (
            JobState::Dead,
            "it has ended; `marionette retry` runs it again",
        ),
    ] {
        let id = shop.id(state).to_string();
        let said = shop.place.run(&["reschedule", &id, "now"]);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.err.contains(why), "{said:?}");
        assert!(!said.err.contains("due:"), "{said:?}");
    }
    // By conditions, with an answer for programs.
    let told = shop
        .place
        .value(&["reschedule", "--all", "--yes", "2031-06-01T00:00:00Z"]);
    assert_eq!(told["changed"], 3, "{told}");
    assert_eq!(told["due"], "2031-06-01T05:30:00.000+05:30");
    let id = shop.id(JobState::Ready).to_string();
    assert_eq!(due(&shop.place, &id), "2031-06-01T05:30:00.000+05:30");
}

#[test]
fn what_is_wrong_with_the_words_is_told_and_nothing_is_changed() {
    let place = Place::new();
    let added = place.good(&["add", "-q", "--at", "2031-05-01 06:00", "true"]);
    let id = added.trim();
    for (words, expected) in [
        (&[][..], "<ID|TIME>"),
        (&[id][..], "the time comes last"),
        (&[id, "soonish"], "\"soonish\" is not a time"),
        (&[id, "--state", "waiting", "18:00"], "not by both"),
        (&["18:00"], "nothing says which tasks to reschedule"),
        (&["--all", "18:00"], "say --yes to do it"),
    ] {
        let said = place.run(&[&["reschedule"], words].concat());
        assert_eq!(said.code, Some(2), "{words:?}: {said:?}");
        assert!(said.err.contains(expected), "{words:?}: {said:?}");
    }
    assert_eq!(due(&place, id), "2031-05-01T06:00:00.000+05:30");
    // A time that has passed makes it due at once.
    let said = place.run(&["reschedule", id, "2020-01-01"]);
    assert!(said.err.contains("it runs at once"), "{said:?}");
    assert_eq!(place.run(&["work", "--once"]).code, Some(0));
    assert_eq!(place.value(&["show", id])["state"], "done");
}

#[test]
fn who_adds_to_a_paused_queue_or_retries_in_one_is_told() {
    let place = Place::new();
    place.good(&["add", "-q", "true"]);
    place.good(&["pause", "default"]);
    let told = [
        "the queue default is paused (by ",
        " via command, ",
        " ago); `marionette resume default` lets it go on",
    ];
    let is_told = |said: &str| told.iter().all(|part| said.contains(part));
    for (arguments, answer) in [
        (&["add", "false"][..], "runs once the queue default goes on"),
        (&["add", "--delay", "1h", "true"], "runs in 1h"),
        (
            &["reschedule", "--all", "--yes", "now"],
            "rescheduled 3 tasks",
        ),
    ] {
        let said = place.run(arguments);
        assert_eq!(said.code, Some(0), "{arguments:?}: {said:?}");
        assert!(is_told(&said.err), "{arguments:?}: {said:?}");
        assert!(said.out.contains(answer), "{arguments:?}: {said:?}");
    }
    let said = place.run(&["add", "--queue", "mail", "true"]);
    assert!(!said.err.contains("paused"), "{said:?}");
    place.good(&["resume", "default"]);
    assert_eq!(place.run(&["work", "--once"]).code, Some(1));
    place.good(&["pause", "default"]);
    let said = place.run(&["retry", "--all", "--yes"]);
    assert!(is_told(&said.err), "{said:?}");
}

#[test]
fn how_often_a_task_was_tried_is_told_in_words() {
    let place = Place::new();
    let add = |arguments: &[&str]| {
        let added = place.good(&[&["add", "-q"], arguments].concat());
        added.trim().to_owned()
    };
    let tried = |id: &str| {
        let shown = place.good(&["show", id]);
        let line = shown.lines().find(|line| line.starts_with("Tried"));
        line.expect("it is told")["Tried".len()..].trim().to_owned()
    };
    let twice = "test $MARIONETTE_ATTEMPT = 2";
    let (good, bad) = (add(&["true"]), add(&["false"]));
    let second = add(&["--retries", "5", "--backoff", "none", twice]);
    assert_eq!(tried(&second), "not yet; 6 attempts at most");
    place.run(&["work", "--once"]);
    assert_eq!(tried(&good), "once");
    assert_eq!(tried(&bad), "once, and failed");
    assert_eq!(tried(&second), "twice, failed once");
}

#[test]
fn completions_offer_states_and_no_files_where_there_are_none() {
    let place = Place::new();
    let script = place.good(&["completions", "bash"]);
    let list = script.split("marionette__subcmd__list)").nth(1);
    let list = list.expect("`list` has its part");
    let states = list.split("--state)").nth(1).expect("it has states");
    let offered = states.lines().nth(1).unwrap_or_default();
    for state in ["ready", "dead", "failed", "waiting"] {
        assert!(offered.contains(state), "{offered}");
    }
}
