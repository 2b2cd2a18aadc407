//! Gives each target its seeds, and inputs that are made from them: always the same, or, for
//! `cargo xtask fuzz`, others for as long as one likes.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::mutate::Mutator;
use super::{lists, stored, texts, values};
use crate::console::clock;

/// The number of inputs if no duration is given.
const CASES: u64 = 400;
/// The seed of the tests.
const SEED: u64 = 1;
/// The longest time for an input of some KiB, on any machine.
const CASE_MAX: Duration = Duration::from_secs(20);

/// The folder of the targets and their seeds.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The seeds of a target, in the order of their names.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(folder().join("seeds").join(target)).expect("it has seeds");
    let mut paths: Vec<_> = files
        .map(|file| file.expect("it is there").path())
        .collect();
    paths.sort();
    let read = |path: &PathBuf| fs::read(path).expect("it can be read");
    paths.iter().map(read).collect()
}

/// Checks a target, which panics where it fails, on its seeds and on inputs made from them.
fn check(name: &str, target: impl Fn(&[u8])) {
    let number = |name: &str| {
        let text = env::var(name).ok()?;
        text.parse::<u64>().ok()
    };
    let first = number("MARIONETTE_FUZZ_SEED").unwrap_or(SEED);
    let limit = number("MARIONETTE_FUZZ_SECONDS").map(Duration::from_secs);
    let try_it = |input: &[u8], from: &str| {
        let begin = clock::tick();
        let held = panic::catch_unwind(AssertUnwindSafe(|| target(input)));
        let took = begin.elapsed();
        assert!(
            held.is_ok() && took < CASE_MAX,
            "after {took:?}, with {from}: {}",
            input.escape_ascii()
        );
    };
    let seeds = seeds(name);
    for seed in &seeds {
        try_it(seed, "a file of fuzz/seeds");
    }
    let begin = clock::tick();
    let mut case = 0;
    while limit.map_or(case < CASES, |limit| begin.elapsed() < limit) {
        let seed = first.wrapping_add(case);
        let input = Mutator::new(seed).input(&seeds);
        try_it(&input, &format!("MARIONETTE_FUZZ_SEED={seed}"));
        case += 1;
    }
    if limit.is_some() {
        let told = format!("{case} inputs from the seed {first} on\n");
        let _ = crate::console::print_bytes(told.as_bytes());
    }
}

#[test]
fn any_toml_is_tasks_or_told_what_is_wrong() {
    check("toml", lists::toml);
}

#[test]
fn any_json_lines_are_tasks_or_told_what_is_wrong() {
    check("json_lines", lists::json_lines);
}

#[test]
fn any_lines_are_tasks_or_told_what_is_wrong() {
    check("lines", lists::lines);
}

#[test]
fn any_file_is_guessed_at() {
    check("unknown", lists::unknown);
}

#[test]
fn any_time_is_read_or_refused() {
    check("time", values::time);
}

#[test]
fn any_duration_is_read_as_it_is_shown_or_refused() {
    check("duration", values::duration);
}

#[test]
fn any_value_of_an_option_is_read_or_refused() {
    check("option", values::option);
}

#[test]
fn any_id_is_read_as_it_is_shown_or_refused() {
    check("id", values::id);
}

#[test]
fn any_place_of_a_store_is_a_path_or_refused() {
    check("place", values::place);
}

#[test]
fn any_payload_is_a_command_or_refused() {
    check("command", stored::command);
}

#[test]
fn any_options_of_a_job_are_read_or_refused() {
    check("options", stored::options);
}

#[test]
fn any_bytes_are_a_message_or_refused() {
    check("message", stored::message);
}

#[test]
fn any_output_has_a_last_line_that_can_be_shown() {
    check("output", stored::output);
}

#[test]
fn any_note_of_a_run_is_read_or_refused() {
    check("note", stored::note);
}

#[test]
fn any_text_is_shown_in_plain_characters() {
    check("shown", texts::shown);
}

#[test]
fn any_line_for_a_shell_is_taken_to_pieces() {
    check("shell", texts::shell);
}

#[test]
fn every_target_is_in_the_folder_and_has_seeds() {
    let names = |folder: PathBuf| -> BTreeSet<String> {
        let files = fs::read_dir(folder).expect("it is there");
        let name = |file: fs::DirEntry| Some(file.path().file_stem()?.to_str()?.to_owned());
        files
            .filter_map(|file| name(file.expect("it is there")))
            .collect()
    };
    let targets = names(folder().join("fuzz_targets"));
    assert_eq!(targets, names(folder().join("seeds")));
    let here = include_str!("tests.rs").lines();
    let checked = here.filter_map(|line| line.trim().strip_prefix("check(\"")?.split('"').next());
    assert_eq!(targets, checked.map(str::to_owned).collect());
}
