//! `marionette run` on a terminal, also a narrow one.

mod common;

use common::{Sandbox, terminal};

/// What the program shows on a terminal of so many columns while it runs two tasks, with every
/// escape sequence. The first task ends once it is seen that both run, and the second once it is
/// seen that the first has failed: a slow machine may draw late.
fn shown(sandbox: &Sandbox, columns: u16, no_color: bool) -> String {
    shown_in(sandbox, columns, no_color, "C.UTF-8")
}

/// As [`shown`], in this locale.
fn shown_in(sandbox: &Sandbox, columns: u16, no_color: bool, locale: &str) -> String {
    let long = "a name that is much longer than any terminal of forty columns is wide";
    sandbox.write(
        "tasks.toml",
        &format!(
            "[[task]]\nname = '{long}'\nrun = 'until test -e seen; do sleep 0.01; done'\n\
             [[task]]\nname = \"evil \\u001b[2J\\u202e name\"\n\
             run = 'until test -e begun; do sleep 0.01; done; exit 3'\n"
        ),
    );
    let mut command = sandbox.command(&["run", "-j", "2", "tasks.toml"]);
    command.env("LC_ALL", locale);
    if no_color {
        command.env("NO_COLOR", "1");
    }
    let mut shown = Vec::new();
    terminal::run(&mut command, (24, columns), |bytes| {
        shown.extend_from_slice(bytes);
        let plain = plain(&String::from_utf8_lossy(&shown));
        let both_run = plain.contains("a name") && plain.contains("evil") && plain.contains("0/2");
        for (is_seen, name) in [(both_run, "begun"), (plain.contains("1/2"), "seen")] {
            if is_seen {
                sandbox.write(name, "");
            }
        }
    });
    String::from_utf8(shown).expect("it is text")
}

/// The lines as they are when nothing moves the cursor: without escape sequences.
fn plain(shown: &str) -> String {
    anstream::adapter::strip_str(shown).to_string()
}

#[test]
fn bars_are_shown_and_failures_above_them() {
    let sandbox = Sandbox::new();
    let shown = shown(&sandbox, 100, false);
    let plain = plain(&shown);
    assert!(plain.contains("▸"), "{plain}");
    assert!(plain.contains("0/2"), "{plain}");
    assert!(plain.contains("1/2"), "{plain}");
    assert!(
        plain.contains("FAILED    evil \\x1b[2J\\u{202e} name: exit status 3"),
        "{plain}"
    );
    assert!(plain.contains("1 done, 1 failed"), "{plain}");
    assert!(
        !shown.contains("\x1b[2J") && !shown.contains('\u{202e}'),
        "{shown:?}"
    );
    assert!(
        shown.contains("\x1b[31m"),
        "colours on a terminal: {shown:?}"
    );
}

#[test]
fn no_color_means_no_colour() {
    let sandbox = Sandbox::new();
    let shown = shown(&sandbox, 100, true);
    for colour in ["\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[35m"] {
        assert!(!shown.contains(colour), "{shown:?}");
    }
}

#[test]
fn forty_columns_are_enough() {
    let sandbox = Sandbox::new();
    let shown = shown(&sandbox, 40, false);
    let plain = plain(&shown);
    let table = plain.split("STATE").nth(1).expect("there is a table");
    for line in table.lines() {
        assert!(line.trim_end().chars().count() <= 40, "{line:?} in {plain}");
    }
}

#[test]
fn without_utf8_only_plain_characters_are_drawn() {
    for columns in [40, 100] {
        let sandbox = Sandbox::new();
        let shown = shown_in(&sandbox, columns, false, "C");
        let plain = plain(&shown);
        assert!(plain.is_ascii(), "{plain}");
        assert!(plain.contains("> ") && plain.contains('#'), "{plain}");
        let table = plain.split("STATE").nth(1).expect("there is a table");
        for line in table.lines() {
            assert!(
                line.trim_end().len() <= usize::from(columns),
                "{line:?} in {plain}"
            );
        }
        let mut list = sandbox.command(&["list"]);
        list.env_remove("LC_ALL")
            .env_remove("LC_CTYPE")
            .env("LANG", "POSIX");
        let said = common::said(list.output().expect("it starts"));
        assert!(said.out.is_ascii() && said.out.contains('~'), "{said:?}");
    }
}
