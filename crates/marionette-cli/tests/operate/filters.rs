//! Lists of what is wanted.

use marionette::store::{JobState, Store};

use crate::fixture::Place;
use crate::shop::{Shop, mail};

fn states(place: &Place, args: &[&str]) -> Vec<String> {
    let args: Vec<_> = ["list"].iter().chain(args).copied().collect();
    let jobs = place.values(&args);
    jobs.iter()
        .map(|job| job["state"].as_str().expect("a text").to_owned())
        .collect()
}

#[tokio::test]
async fn each_condition_and_all_together_choose_jobs() {
    let shop = Shop::open().await;
    let place = &shop.place;
    for state in JobState::ALL {
        assert_eq!(
            states(place, &["--state", state.as_str()]),
            [state.as_str()]
        );
    }
    assert_eq!(
        states(place, &["--state", "failed"]),
        ["dead", "quarantined"]
    );
    assert_eq!(
        states(place, &["--state", "ready,dead", "-s", "waiting"]).len(),
        4
    );
    assert_eq!(
        states(place, &["--kind", "report"]),
        ["scheduled", "cancelled"]
    );
    assert_eq!(
        states(place, &["--queue", "night"]),
        ["scheduled", "cancelled"]
    );
    assert_eq!(states(place, &["--queue", "night,default"]).len(), 8);
    assert_eq!(states(place, &["--text", "welcome ada"]), ["dead"]);
    assert_eq!(states(place, &["--text", r#"{"to":"kim"}"#]), ["ready"]);
    assert_eq!(states(place, &["--text", "mailbox"]), ["dead"]);
    assert_eq!(states(place, &["--text", "Mailbox"]), Vec::<String>::new());
    assert_eq!(states(place, &["--newer", "10m"]).len(), 8);
    assert_eq!(states(place, &["--older", "10m"]).len(), 0);
    assert_eq!(states(place, &["--since", "10m ago"]).len(), 8);
    assert_eq!(states(place, &["--until", "10m ago"]).len(), 0);
    assert_eq!(
        states(place, &["--since", "2020-01-01", "--until", "yesterday"]).len(),
        0
    );
    let all = [
        "--state", "ended", "--kind", "mail", "--newer", "1h", "--text", "welcome",
    ];
    assert_eq!(states(place, &all), ["done", "dead", "quarantined"]);
    assert_eq!(states(place, &["-n", "2"]), ["ready", "scheduled"]);
}

#[tokio::test]
async fn what_is_not_shown_is_told() {
    let shop = Shop::open().await;
    let said = shop.place.run(&["list", "-n", "2"]);
    assert_eq!(said.out.lines().count(), 3, "{said:?}");
    assert_eq!(
        said.err,
        "marionette: there are more: --limit and --all show them\n"
    );
    let said = shop.place.run(&["list", "--kind", "nothing"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""));
    assert_eq!(said.err, "marionette: no task matches\n");
    assert_eq!(shop.place.run(&["list", "--kind", "nothing", "-q"]).err, "");
}

#[tokio::test]
async fn a_list_goes_through_as_many_pages_as_it_takes() {
    let place = Place::new();
    let jobs: Vec<_> = (0..2_500).map(|number| mail(&number.to_string())).collect();
    place
        .open()
        .await
        .insert(jobs)
        .await
        .expect("they are accepted");
    let named = |args: &[&str]| -> Vec<_> {
        let jobs = place.values(args);
        jobs.iter()
            .map(|job| job["name"].as_str().expect("a text").to_owned())
            .collect()
    };
    let all: Vec<_> = (0..2_500)
        .rev()
        .map(|number| format!("welcome {number}"))
        .collect();
    assert_eq!(named(&["list", "--all"]), all);
    assert_eq!(named(&["list", "--limit", "1500"]), all[..1_500]);
}

#[test]
fn the_newest_are_first_also_among_the_tasks_of_run_whose_ids_tell_no_time() {
    let place = Place::new();
    let many: Vec<_> = (0..60).map(|number| format!("true {number}")).collect();
    std::fs::write(place.directory.path().join("many.txt"), many.join("\n"))
        .expect("it can be written");
    place.good(&["add", "-q", "true before"]);
    place.good(&["run", "-q", "many.txt"]);
    place.good(&["add", "-q", "true behind"]);
    let named = |args: &[&str]| -> Vec<_> {
        let jobs = place.values(args);
        jobs.iter()
            .map(|job| job["name"].as_str().expect("a text").to_owned())
            .collect()
    };
    assert_eq!(named(&["list", "-n", "2"])[0], "true behind");
    let some = named(&["list"]);
    assert_eq!((some.len(), some[0].as_str()), (50, "true behind"));
    assert!(!some.contains(&"true before".to_owned()));
    let out = place.good(&["list", "--all"]);
    assert!(
        out.lines()
            .nth(1)
            .is_some_and(|line| line.contains("true behind")),
        "{out}"
    );
    assert!(
        out.lines()
            .last()
            .is_some_and(|line| line.contains("true before")),
        "{out}"
    );
}

#[test]
fn a_wrong_condition_is_told_with_what_to_write() {
    let place = Place::new();
    place.good(&["add", "true"]);
    for (args, expected) in [
        (["--state", "broken"], "[possible values: ready, scheduled"),
        (["--state", "faild"], "a similar value exists: 'failed'"),
        (
            ["--kind", "a b"],
            "the name `a b` has ' ', which is none of",
        ),
        (["--older", "7"], "\"7\" has no unit; write it like `7s`"),
        (
            ["--since", "soonish"],
            "--since: \"soonish\" is not a time; write it like `18:00`",
        ),
        (
            ["--until", "25:00"],
            "--until: \"25:00\" is not a time; there is no hour 25",
        ),
        (["--limit", "0"], "--limit"),
    ] {
        let said = place.run(&[["list"].as_slice(), &args].concat());
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.err.contains(expected), "{said:?}");
    }
}
