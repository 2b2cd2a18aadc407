//! On a terminal: colours, questions, and not more columns than it has.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::Stdio;

use marionette::store::JobState;
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use unicode_width::UnicodeWidthStr;

use crate::fixture::Place;
use crate::shop::Shop;

struct Shown {
    code: Option<i32>,
    text: String,
}

/// Runs the program on a terminal of so many columns, on which somebody has typed this.
fn on_terminal(place: &Place, args: &[&str], columns: u16, typed: &str, env: &[&str]) -> Shown {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("there are terminals");
    grantpt(&ours).expect("it is ours");
    unlockpt(&ours).expect("it is ours");
    let name = ptsname(&ours, Vec::new()).expect("it has a name");
    let theirs = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty());
    let theirs: OwnedFd = theirs.expect("it can be opened");
    let size = Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&theirs, size).expect("it can be changed");
    let end = || Stdio::from(theirs.try_clone().expect("it can be cloned"));
    let mut command = place.command(args);
    command
        .env("TERM", "xterm")
        .stdin(end())
        .stdout(end())
        .stderr(end());
    for name in env {
        command.env(name, "1");
    }
    let mut child = command.spawn().expect("it can be started");
    drop((command, theirs));
    let mut ours = File::from(ours);
    ours.write_all(typed.as_bytes()).expect("it is open");
    let mut bytes = Vec::new();
    // It ends with an error once nobody has the other end any more.
    let _ = ours.read_to_end(&mut bytes);
    let ended = child.wait().expect("it was started");
    Shown {
        code: ended.code(),
        text: String::from_utf8_lossy(&bytes).replace("\r\n", "\n"),
    }
}

fn without_colours(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = behind.split_once('m').expect("there are colours alone").1;
    }
    plain + rest
}

#[tokio::test]
async fn no_line_of_a_table_is_wider_than_the_terminal() {
    let shop = Shop::open().await;
    for columns in [20, 40, 60, 80, 100, 130, 200] {
        for args in [["list"].as_slice(), &["stats"], &["instances"]] {
            let shown = on_terminal(&shop.place, args, columns, "", &[]);
            assert_eq!(shown.code, Some(0));
            for line in without_colours(&shown.text).lines() {
                assert!(
                    line.width() <= columns.into(),
                    "{columns} {args:?}:\n{}",
                    shown.text
                );
            }
        }
    }
}

#[tokio::test]
async fn at_40_columns_a_list_has_what_matters() {
    let shop = Shop::open().await;
    let shown = on_terminal(&shop.place, &["list"], 40, "", &["NO_COLOR"]);
    let lines: Vec<_> = shown.text.lines().collect();
    assert!(
        lines[0].starts_with("ID        STATE        TASK"),
        "{}",
        shown.text
    );
    let dead = lines
        .iter()
        .position(|line| line[9..].starts_with(" dead         mail welcome ada"));
    let dead = dead.unwrap_or_else(|| panic!("{}", shown.text));
    assert_eq!(
        lines[dead + 1],
        "          mailbox unavailable",
        "{}",
        shown.text
    );
}

#[tokio::test]
async fn states_are_coloured_on_a_terminal_unless_somebody_wants_none() {
    let shop = Shop::open().await;
    let shown = on_terminal(&shop.place, &["list"], 120, "", &[]).text;
    let red = shown
        .split("dead")
        .next()
        .expect("there is a start")
        .rfind("\x1b[31m");
    assert!(red.is_some(), "{shown:?}");
    for (args, env) in [
        (["list"].as_slice(), ["NO_COLOR"].as_slice()),
        (&["list", "--color", "never"], &[]),
    ] {
        let shown = on_terminal(&shop.place, args, 120, "", env).text;
        assert!(
            shown.contains("dead") && !shown.contains('\x1b'),
            "{shown:?}"
        );
    }
    assert!(
        !shop.place.good(&["list"]).contains('\x1b'),
        "no colours in a pipe"
    );
}

#[tokio::test]
async fn a_change_by_conditions_shows_what_it_is_for_and_asks() {
    let shop = Shop::open().await;
    let id = shop.id(JobState::Dead);
    for typed in ["n\n", "\n", "nonsense\n"] {
        let shown = on_terminal(&shop.place, &["retry", "--state", "dead"], 100, typed, &[]);
        let text = without_colours(&shown.text);
        assert_eq!(shown.code, Some(1), "{text}");
        assert!(text.contains("mailbox unavailable"), "{text}");
        assert!(text.contains("retry 1 task (1 dead)? [y/N]"), "{text}");
        assert!(text.contains("nothing was changed"), "{text}");
        assert_eq!(shop.state(id).await, Some(JobState::Dead));
    }
    let shown = on_terminal(&shop.place, &["retry", "--state", "dead"], 100, "y\n", &[]);
    assert_eq!(shown.code, Some(0), "{}", shown.text);
    assert!(shown.text.contains("retried 1 task"), "{}", shown.text);
    assert_eq!(shop.state(id).await, Some(JobState::Ready));
}
