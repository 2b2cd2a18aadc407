//! Each shape of a secret × each way to hand it over × each way to fail.

use std::fs;

use serde_json::{Value, json};

use crate::common::{Sandbox, said};
use crate::place::{Search, all_that_is_listed, all_that_is_said, jobs, search};
use crate::values::{Giveaways, Shape, noise, shapes};

/// A command that prints its secret, which is in `$S`, and fails.
struct Way {
    name: &'static str,
    script: &'static str,
    /// Whether it prints the secret in one piece; else what it wrote is its own.
    is_whole: bool,
    /// Whether its reason says the secret, as `***`.
    is_told: bool,
}

const fn way(name: &'static str, script: &'static str) -> Way {
    Way {
        name,
        script,
        is_whole: true,
        is_told: true,
    }
}

/// As `way`, for what takes the secret apart.
const fn in_pieces(name: &'static str, script: &'static str) -> Way {
    Way {
        is_whole: false,
        ..way(name, script)
    }
}

/// As `way`, for what fails with a reason in which no output is.
const fn untold(name: &'static str, script: &'static str) -> Way {
    Way {
        is_told: false,
        ..way(name, script)
    }
}

const WAYS: &[Way] = &[
    way("on standard output", r#"printf '%s\n' "$S"; exit 3"#),
    way(
        "on standard error",
        r#"printf 'no: %s is wrong\n' "$S" >&2; exit 3"#,
    ),
    way("without a line end", r#"printf 'key %s' "$S" >&2; exit 3"#),
    way("after progress", r#"printf '1%%\r50%%\r%s' "$S"; exit 3"#),
    way(
        "in colours",
        r#"printf '\033[1;31m%s\033[0m\n' "$S" >&2; exit 3"#,
    ),
    way("as words of a shell", "echo no $S >&2; exit 3"),
    way(
        "byte by byte",
        r#"printf %s "$S" | dd bs=1 2>/dev/null; exit 3"#,
    ),
    way("twice without a gap", r#"printf '%s%s' "$S" "$S"; exit 3"#),
    way("with a status of its own", r#"echo "$S" >&2; exit 200"#),
    in_pieces(
        "with a colour inside",
        r#"printf '%.4s\033[0m%s' "$S" "${S#????}" >&2; exit 3"#,
    ),
    in_pieces(
        "with a correction inside",
        r#"printf '%.4sx\b%s' "$S" "${S#????}" >&2; exit 3"#,
    ),
    untold(
        "within a long line",
        r#"printf '%0700d%s%0700d\n' 0 "$S" 0; exit 3"#,
    ),
    untold(
        "where a long line is cut",
        r#"printf '%0150d%s%0340d\n' 0 "$S" 0 >&2; exit 3"#,
    ),
    untold(
        "within a line that is not kept whole",
        r#"printf '%01020d%s%09000d%s%04090d' 0 "$S" 0 "$S" 0; exit 3"#,
    ),
    way("by a signal", r#"echo "$S"; kill -SEGV $$"#),
    in_pieces(
        "killed within it",
        r#"printf 'key %.20s' "$S" >&2; kill -KILL $$"#,
    ),
    untold("by its time", r#"echo "$S"; echo "$S" >&2; sleep 60"#),
    untold("traced", r#"set -x; : "$S"; exit 3"#),
    way("as a program that is not there", r#""$S""#),
    untold("not at all", r#"echo "$S"; echo "$S" >&2"#),
    untold(
        "with more than is kept",
        r#"i=0; while [ $i -lt 40 ]; do echo "$S"; i=$((i+1)); done; exit 3"#,
    ),
];

/// How a secret comes to its command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    SecretWord,
    SecretVariable,
    FileWord,
    FileVariable,
    Variable,
}

impl By {
    fn search(self) -> Search {
        match self {
            Self::SecretWord | Self::SecretVariable => Search::AllButStore,
            Self::FileWord | Self::FileVariable | Self::Variable => Search::All,
        }
    }
}

/// A task that gets the secret in this way, as an object of JSON.
fn task(sandbox: &Sandbox, by: By, way: &Way, shape: &Shape) -> Value {
    let (name, value) = (called(way, shape), &shape.value);
    let file = sandbox.path(&format!("key of {}", shape.name));
    let from = json!({"from": format!("file:{}", file.display())});
    if matches!(by, By::FileWord | By::FileVariable) {
        fs::write(&file, format!("{value}\n")).expect("it is ours");
    }
    let secret = json!({"secret": value});
    let as_word = format!("S=$1; {}", way.script);
    let (script, word, variable) = match by {
        By::SecretWord => (as_word.as_str(), Some(secret), None),
        By::FileWord => (as_word.as_str(), Some(from), None),
        By::SecretVariable => (way.script, None, Some(secret)),
        By::FileVariable => (way.script, None, Some(from)),
        By::Variable => (
            way.script,
            None,
            Some(json!({"from": format!("env:{}", variable(shape))})),
        ),
    };
    let mut words = vec![json!("/bin/sh"), json!("-c"), json!(script), json!("sh")];
    words.extend(word);
    let mut env = serde_json::Map::new();
    env.extend(variable.map(|value| ("S".to_owned(), value)));
    let mut task = json!({
        "name": name,
        "command": words,
        "env": env,
        "timeout": if way.name == "by its time" { "1s" } else { "50s" },
    });
    if way.name == "with more than is kept" {
        task["output"] = json!("64");
    }
    task
}

fn called(way: &Way, shape: &Shape) -> String {
    format!("{} / {}", way.name, shape.name)
}

fn variable(shape: &Shape) -> String {
    shape.name.replace(' ', "_")
}

/// Runs every way to fail with every shape that came in this way, and looks for them.
fn nothing_leaks(by: By, seed: u64) {
    let (sandbox, shapes) = (Sandbox::new(), shapes(seed));
    let all = || {
        shapes
            .iter()
            .flat_map(|shape| WAYS.iter().map(move |way| (way, shape)))
    };
    let lines = all().map(|(way, shape)| task(&sandbox, by, way, shape).to_string() + "\n");
    sandbox.write("tasks.jsonl", &lines.collect::<String>());
    let mut command = sandbox.command(&["run", "-j", "8", "tasks.jsonl"]);
    command.envs(shapes.iter().map(|shape| (variable(shape), &shape.value)));
    let ran = said(command.output().expect("the program starts"));
    assert_eq!(ran.status, Some(1), "{ran:?}");
    let jobs = jobs(&sandbox);
    let find = |way: &Way, shape: &Shape| {
        let name = called(way, shape);
        let mut jobs = jobs.iter();
        let job = jobs.find(|job| job["name"] == *name);
        job.unwrap_or_else(|| panic!("{name} has a job"))
    };
    for (way, shape) in all().filter(|(way, _)| way.is_told) {
        let reason = find(way, shape)["reason"].as_str().unwrap_or_default();
        let is_told = reason.contains("***") || reason.contains('…');
        assert!(is_told, "{}: {reason}", called(way, shape));
    }
    let giveaways = Giveaways::of(shapes.iter().map(|shape| &*shape.value));
    let mut said = all_that_is_listed(&sandbox);
    said.push(("run".to_owned(), ran));
    search(&sandbox, &giveaways, Search::Said, &said);
    // What took its secret apart has it in its output. The rest is searched without that.
    let apart = all().filter(|(way, _)| !way.is_whole);
    let apart = apart.filter_map(|(way, shape)| find(way, shape)["id"].as_str());
    let apart: Vec<_> = ["delete", "--yes"].into_iter().chain(apart).collect();
    let deleted = sandbox.run(&apart);
    assert_eq!(deleted.status, Some(0), "{deleted:?}");
    let said = all_that_is_said(&sandbox);
    assert!(
        said.iter().any(|(_, said)| said.out.contains("key ***")),
        "outputs are looked at"
    );
    search(&sandbox, &giveaways, by.search(), &said);
}

#[test]
fn a_word_that_is_a_secret_is_nowhere_but_in_the_store() {
    nothing_leaks(By::SecretWord, 1);
}

#[test]
fn a_variable_that_is_a_secret_is_nowhere_but_in_the_store() {
    nothing_leaks(By::SecretVariable, 2);
}

#[test]
fn a_word_that_was_looked_up_in_a_file_is_nowhere() {
    nothing_leaks(By::FileWord, 3);
}

#[test]
fn a_variable_that_was_looked_up_in_a_file_is_nowhere() {
    nothing_leaks(By::FileVariable, 4);
}

#[test]
fn a_variable_that_was_looked_up_in_the_environment_is_nowhere() {
    nothing_leaks(By::Variable, 5);
}

#[test]
fn of_secrets_within_each_other_nothing_is_left() {
    let sandbox = Sandbox::new();
    let outer = noise(6, 24);
    let (start, middle, end) = (&outer[..8], &outer[6..14], &outer[10..]);
    let script = "printf '%s\\n' \"$0\"; printf '%s %s\\n' \"$1\" \"$0\" >&2; exit 1";
    let secrets: Vec<_> = [&*outer, start, middle, end]
        .map(|it| json!({"secret": it}))
        .to_vec();
    let words = [&[json!("sh"), json!("-c"), json!(script)][..], &secrets].concat();
    sandbox.write("tasks.jsonl", &json!({"command": words}).to_string());
    let ran = sandbox.run(&["run", "tasks.jsonl"]);
    let reason = jobs(&sandbox)[0]["reason"].to_string();
    assert_eq!(reason, "\"exit status 1: *** ***\"");
    let mut said = all_that_is_said(&sandbox);
    said.push(("run".to_owned(), ran));
    search(
        &sandbox,
        &Giveaways::of([&*outer]),
        Search::AllButStore,
        &said,
    );
}
