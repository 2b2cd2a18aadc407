//! What the README shows is compiled and run: each of its blocks stands in a file beside this one,
//! word for word, and each row of its table of closures in `closures.rs`.

// The blocks are laid out for their readers.
#![allow(clippy::pedantic, clippy::disallowed_methods)]

use std::path::Path;
use std::sync::LazyLock;

use tempfile::TempDir;

#[rustfmt::skip]
mod closures;
#[rustfmt::skip]
mod durable;
#[rustfmt::skip]
mod first_screen;
#[rustfmt::skip]
mod paused;
#[rustfmt::skip]
mod service;
#[rustfmt::skip]
mod transaction;

const CLOSURES: &str = include_str!("closures.rs");

const BLOCKS: &[&str] = &[
    include_str!("durable.rs"),
    include_str!("first_screen.rs"),
    include_str!("paused.rs"),
    include_str!("service.rs"),
    include_str!("transaction.rs"),
];

/// The blocks open files by names without a folder.
fn in_a_folder_of_its_own() {
    static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
        let folder = tempfile::tempdir().expect("there is a place for it");
        std::env::set_current_dir(&folder).expect("it is there");
        folder
    });
    LazyLock::force(&FOLDER);
}

/// The texts of the repository that a reader sees first, by their names.
fn texts() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut texts = Vec::new();
    for folder in [root.clone(), root.join("docs")] {
        for entry in folder.read_dir().expect("it is there") {
            let path = entry.expect("it can be read").path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let text = std::fs::read_to_string(&path).expect("it can be read");
                texts.push((path.display().to_string(), text));
            }
        }
    }
    texts
}

fn readme() -> String {
    let texts = texts();
    let readme = texts
        .into_iter()
        .find(|(name, _)| name.ends_with("README.md"));
    readme.expect("there is one").1
}

#[test]
fn every_rust_block_is_compiled_and_run_as_it_stands() {
    let mut count = 0;
    for (name, text) in texts() {
        for block in text.split("\n```rust").skip(1) {
            let (_, block) = block.split_once('\n').expect("it has a first line");
            let (block, _) = block.split_once("```").expect("it ends");
            assert!(
                BLOCKS.iter().any(|file| file.contains(block)),
                "this block of {name} is in no file of tests/readme, or differs:\n{block}"
            );
            count += 1;
        }
    }
    assert_eq!(count, BLOCKS.len(), "each file has a block");
}

fn without_white_space(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn every_row_of_which_closure_to_write_is_compiled_and_run_as_it_stands() {
    let readme = readme();
    let (_, section) = readme
        .split_once("### Which closure to write")
        .expect("there is the section");
    let rows: Vec<_> = section
        .lines()
        .skip_while(|line| !line.starts_with("| ---"))
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .collect();
    let compiled = without_white_space(CLOSURES);
    for row in &rows {
        let row = row.replace("\\|", "\u{1}");
        let cell = row.split('|').nth(2).expect("it has two cells");
        let code = cell.split('`').skip(1).step_by(2);
        let code = code.max_by_key(|code| code.len()).expect("it has code");
        let code = code.replace('\u{1}', "|");
        let queued = format!("tasks.queue({})", without_white_space(&code));
        assert!(
            compiled.contains(&queued),
            "closures.rs does not run this row:\n{code}"
        );
    }
    assert_eq!(rows.len(), 7);
    assert_eq!(compiled.matches("tasks.queue(").count(), rows.len());
}
