//! What the program writes on a terminal and, with colours, into a pipe; and whether something in
//! it is not ours.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::common::{Sandbox, terminal};

/// Whatever a terminal could obey. No sequence in it is one of ours, and its second line does not
/// begin like one of ours.
pub(crate) const HOSTILE: &str = concat!(
    "\x1b]52;c;ZXZpbA==\x07\u{9b}8m\u{202e}\u{2066}\u{200b}\r\x08",
    "\x1b[31mEVIL\x1b[8m\nNEW line",
);

/// It as a word that can be a name of a file, also in a folder of its own.
pub(crate) fn hostile_name() -> String {
    HOSTILE.replace('/', "_")
}

/// What takes longer hangs, on whatever machine.
const LIMIT: Duration = Duration::from_secs(60);

/// What a program wrote, and how it ended.
#[derive(Debug)]
pub(crate) struct Seen {
    /// `None`: it was killed, or took longer than any machine takes.
    pub(crate) status: Option<i32>,
    pub(crate) text: String,
    /// Whether it wrote on a terminal.
    is_terminal: bool,
}

/// Lets the program run on a terminal that is as wide as any.
pub(crate) fn on_terminal(command: &mut Command) -> Seen {
    let (child, master) = terminal::start(command, (24, 200));
    watch(child, master, true)
}

/// Lets the program run with both its outputs in one pipe. It must have been asked for colours,
/// without which all sequences are taken out.
pub(crate) fn in_pipe(command: &mut Command) -> Seen {
    let (ours, theirs) = std::io::pipe().expect("there are pipes");
    let copy = theirs.try_clone().expect("it can be shared");
    command.stdout(theirs).stderr(copy);
    let child = command.spawn().expect("it starts");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    watch(child, ours, false)
}

fn watch(mut child: Child, mut output: impl Read + Send + 'static, is_terminal: bool) -> Seen {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (ended, ends) = mpsc::channel::<()>();
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut piece = [0; 4096];
        // A terminal ends with an error once nobody has its other side any more.
        while let Ok(count @ 1..) = output.read(&mut piece) {
            bytes.extend_from_slice(&piece[..count]);
        }
        bytes
    });
    let killer = thread::spawn(move || {
        if ends.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            let _ = kill_process(pid.expect("it is a process"), Signal::KILL);
        }
    });
    let status = child.wait().expect("it ends").code();
    drop(ended);
    killer.join().expect("it does not panic");
    let bytes = reader.join().expect("it does not panic");
    Seen {
        status,
        text: String::from_utf8(bytes).expect("all that is written is UTF-8"),
        is_terminal,
    }
}

impl Seen {
    /// Fails if a character is in it that a terminal obeys and that no table, colour or bar of ours
    /// has.
    pub(crate) fn is_clean(&self, what: &str) {
        let text = if self.is_terminal {
            self.text.replace("\r\n", "\n")
        } else {
            self.text.clone()
        };
        let mut rest = text.as_str();
        while let Some(place) = rest.find(is_obeyed) {
            let behind = &rest[place..];
            let ours = sequence(behind, self.is_terminal);
            let ours = ours.filter(|length| !behind[*length..].starts_with("EVIL"));
            let Some(length) = ours else {
                let shown: String = behind.chars().take(80).collect();
                panic!("{what}: {shown:?} in {text:?}");
            };
            rest = &behind[length..];
        }
    }

    /// As [`is_clean`](Self::is_clean), for what has texts that are not ours in single lines only.
    pub(crate) fn is_clean_and_in_line(&self, what: &str) {
        self.is_clean(what);
        let is_new = |line: &str| {
            line.trim_start()
                .trim_start_matches("marionette: ")
                .starts_with("NEW")
        };
        assert!(!self.text.lines().any(is_new), "{what}: {:?}", self.text);
    }

    /// Fails unless it ended as the help says, and without a fault of its own.
    pub(crate) fn ended_well(&self, what: &str) {
        assert!(matches!(self.status, Some(0..=2)), "{what}: {self:?}");
        for word in [
            "panicked",
            "a fault in this program",
            "overflowed its stack",
        ] {
            assert!(!self.text.contains(word), "{what}: {self:?}");
        }
    }
}

/// Written anew, and not taken from the program: the test is no good if both are wrong together.
fn is_obeyed(char: char) -> bool {
    match char {
        '\n' | '\t' => false,
        char if char.is_control() => true,
        char => matches!(
            u32::from(char),
            0x61c | 0xfeff | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f
        ),
    }
}

/// How long the sequence is with which the text begins, if it is one of ours: a colour, or on a
/// terminal what moves bars.
fn sequence(text: &str, is_terminal: bool) -> Option<usize> {
    if text.starts_with('\r') {
        return is_terminal.then_some(1);
    }
    let inside = text.strip_prefix("\x1b[")?;
    let digits = inside.len()
        - inside
            .trim_start_matches(|char: char| char.is_ascii_digit())
            .len();
    let (number, end) = (&inside[..digits], inside[digits..].chars().next()?);
    let is_ours = match end {
        'm' => ["0", "1", "2", "4", "31", "32", "33", "34", "35", "36", "39"].contains(&number),
        'K' => is_terminal && number == "2",
        'A' | 'B' => is_terminal,
        _ => false,
    };
    is_ours.then_some("\x1b[".len() + digits + 1)
}

#[test]
fn what_is_not_ours_is_seen() {
    let seen = |text: &str| Seen {
        status: Some(0),
        text: text.to_owned(),
        is_terminal: false,
    };
    seen("\x1b[31mdead\x1b[39m\n\ta").is_clean("colours of ours");
    for text in [
        "\x1b]52;c;A\x07",
        "\x1b[31mEVIL",
        "\x1b[8m",
        "\u{9b}1m",
        "\u{202e}",
        "\r",
        "\x07",
        "\x1b[2K",
    ] {
        let looked = std::panic::catch_unwind(|| seen(text).is_clean("hostile"));
        assert!(looked.is_err(), "{text:?}");
    }
}

/// A program with these words, on a terminal and in a pipe.
pub(crate) fn check(sandbox: &Sandbox, words: &[&str]) {
    for more in [&[][..], &["--json"]] {
        let words = [&["--color", "always"], more, words].concat();
        let what = format!("{words:?}");
        for seen in [
            on_terminal(&mut sandbox.command(&words)),
            in_pipe(&mut sandbox.command(&words)),
        ] {
            seen.is_clean_and_in_line(&what);
            seen.ended_well(&what);
        }
    }
}
