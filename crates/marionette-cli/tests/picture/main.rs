//! The picture of `marionette run` in the README: it is drawn from what the program shows.
//!
//! `UPDATE_EXPECTED=1 cargo test -p marionette-cli --test picture` draws it anew.

#[path = "../common/mod.rs"]
mod common;
mod svg;

use std::num::NonZero;
use std::path::Path;
use std::{env, fs};

use common::{Sandbox, terminal};
use vt100::{Parser, Screen};

/// Rows and columns of the terminal.
const SIZE: (u16, u16) = (24, 92);

/// A screen in the middle of the run of the picture's commands, and the last one.
fn screens(sandbox: &Sandbox) -> (Screen, Screen) {
    sandbox.write("nightly.toml", include_str!("nightly.toml"));
    let [rows, columns] = [SIZE.0, SIZE.1].map(|size| NonZero::new(size).expect("it is large"));
    let mut parser = Parser::new(rows, columns, 0);
    let mut middle: Option<Screen> = None;
    let mut command = sandbox.command(&["run", "-j", "3", "nightly.toml"]);
    terminal::run(&mut command, SIZE, |bytes| {
        parser.process(bytes);
        let screen = parser.screen();
        let text = screen.contents();
        // Something has failed, something is tried again, and something has run for a while.
        let runs = text.contains("▸") && !text.contains("▸      0s");
        if runs && text.contains("FAILED") && text.contains("(attempt 2") {
            middle.get_or_insert_with(|| screen.clone());
            // A slow machine may draw late; until this moment was seen, one task goes on.
            sandbox.write("seen", "");
        }
    });
    let middle = middle.expect("there was such a moment");
    (middle, parser.screen().clone())
}

#[test]
fn the_picture_shows_what_a_run_shows() {
    let sandbox = Sandbox::new();
    let (middle, last) = screens(&sandbox);
    let drawn = svg::draw(
        "$ marionette run -j 3 nightly.toml",
        &[(&middle, ""), (&last, "ID")],
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/run.svg");
    if env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&path, &drawn).expect("the folder can be written to");
    }
    let picture = fs::read_to_string(&path).expect("there is a picture");
    // Times differ from run to run; what is done with which outcome does not.
    for words in [
        "back up the database",
        "import the price list",
        "exit status 3",
        "4 done",
        "1 failed",
    ] {
        assert!(last.contents().contains(words), "{}", last.contents());
        assert!(picture.contains(words), "the picture lacks {words:?}");
    }
}
