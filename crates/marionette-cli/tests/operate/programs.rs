//! What programs are told keeps its names and shapes: compared with what stands in `expected`.
//! `UPDATE_EXPECTED=1` writes the files anew.

use std::fs;
use std::path::PathBuf;

use marionette::TaskId;
use marionette::store::{JobState, Store};
use serde_json::Value;

use crate::shop::Shop;

#[tokio::test]
async fn list_is_a_job_in_each_line() {
    let shop = Shop::open().await;
    let jobs = shop.place.values(&["list"]);
    let states: Vec<_> = jobs
        .iter()
        .map(|job| job["state"].as_str().expect("a text"))
        .collect();
    let expected: Vec<_> = shop.jobs().map(|(state, _)| state.as_str()).collect();
    let newest_first: Vec<_> = expected.into_iter().rev().collect();
    assert_eq!(states, newest_first);
    check(&shop, "list", &Value::from(jobs));
}

#[tokio::test]
async fn show_is_a_document_for_each_job() {
    let shop = Shop::open().await;
    for state in [
        JobState::Dead,
        JobState::Done,
        JobState::Quarantined,
        JobState::Cancelled,
        JobState::Scheduled,
    ] {
        let value = shop.place.value(&["show", &shop.id(state).to_string()]);
        check(&shop, &format!("show-{state}"), &value);
    }
}

#[tokio::test]
async fn changes_are_one_document() {
    let shop = Shop::open().await;
    let ids: Vec<_> = shop.jobs().map(|(_, id)| id.to_string()).collect();
    let mut every = vec!["--json", "--dry-run"];
    every.extend(ids.iter().map(String::as_str));
    for verb in ["retry", "cancel", "delete"] {
        let args: Vec<_> = [verb].into_iter().chain(every.clone()).collect();
        let said = shop.place.run(&args);
        assert_eq!((said.code, said.err.as_str()), (Some(1), ""), "{said:?}");
        let value = serde_json::from_str(&said.out).expect("it is JSON");
        check(&shop, verb, &value);
    }
    let value = shop.place.value(&["retry", "--all", "--yes"]);
    check(&shop, "retry-all", &value);
    let value = shop.place.value(&["prune", "--older", "0s", "--yes"]);
    check(&shop, "prune", &value);
}

#[tokio::test]
async fn stats_workers_queues_and_the_version_are_documents() {
    let shop = Shop::open().await;
    check(&shop, "stats", &shop.place.value(&["stats"]));
    check(&shop, "pause", &shop.place.value(&["pause", "night"]));
    check(&shop, "resume", &shop.place.value(&["resume", "night"]));
    check(&shop, "migrate", &shop.place.value(&["migrate"]));
    shop.store
        .renew(shop.worker.clone(), vec![])
        .await
        .expect("it lives");
    check(&shop, "instances", &shop.place.value(&["instances"]));
}

#[track_caller]
fn check(shop: &Shop, name: &str, value: &Value) {
    let value = settled(value, &|text| stand_in(shop, text));
    let told = serde_json::to_string_pretty(&value).expect("it is plain data") + "\n";
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/operate/expected");
    let file = folder.join(format!("{name}.json"));
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::create_dir_all(folder).expect("it can be made");
        fs::write(&file, &told).expect("it can be written");
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        told == expected,
        "{} is not what was said:\n{told}",
        file.display()
    );
}

/// The value without what differs each time.
fn settled(value: &Value, stand_in: &dyn Fn(&str) -> Option<String>) -> Value {
    match value {
        Value::String(text) => stand_in(text).unwrap_or_else(|| text.clone()).into(),
        Value::Array(values) => values
            .iter()
            .map(|value| settled(value, stand_in))
            .collect(),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| match name.as_str() {
                "age_ms" | "process" => (name.clone(), Value::from("NUMBER")),
                _ => (name.clone(), settled(value, stand_in)),
            };
            Value::Object(fields.iter().map(field).collect())
        }
        other => other.clone(),
    }
}

/// Ids by the state of their jobs, times by their shape alone: local, with milliseconds.
fn stand_in(shop: &Shop, text: &str) -> Option<String> {
    if let Some((state, _)) = shop.jobs().find(|(_, id)| id.to_string() == text) {
        return Some(format!("ID of {state}"));
    }
    let short = |id: TaskId| id.uuid().simple().to_string()[18..26].to_owned();
    if let Some((state, _)) = shop.jobs().find(|(_, id)| short(*id) == text) {
        return Some(format!("SHORT of {state}"));
    }
    if text == shop.worker.id.to_string() {
        return Some("WORKER".to_owned());
    }
    let is_id = |word: &str| word.len() == 36 && word.parse::<TaskId>().is_ok();
    if let Some(worker) = text.split(' ').find(|word| is_id(word)) {
        return Some(text.replace(worker, "SOME INSTANCE"));
    }
    let digits = |text: &str| text.replace(|char: char| char.is_ascii_digit(), "9");
    (digits(text) == "9999-99-99T99:99:99.999+99:99" && text.ends_with("+05:30"))
        .then(|| "TIME".to_owned())
}
