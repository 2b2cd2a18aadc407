//! Secrets of every shape.

use std::collections::HashSet;

/// How many characters in a row give a secret away.
const WINDOW: usize = 6;

/// A secret, and what it is called in messages of these tests.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) value: String,
}

/// Letters and digits that stand nowhere else, different ones for each seed.
pub(crate) fn noise(seed: u64, chars: usize) -> String {
    const DIGITS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyzABCDEFGH";
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(DIGITS[(state % 32) as usize])
    };
    (0..chars).map(|_| next()).collect()
}

/// All shapes, with values that differ for each seed.
pub(crate) fn shapes(seed: u64) -> Vec<Shape> {
    let word = |nth: u64, chars| noise(seed * 100 + nth, chars);
    let key: Vec<_> = (10..14).map(|nth| word(nth, 40)).collect();
    let shape = |name, value| Shape { name, value };
    vec![
        shape("plain", word(1, 24)),
        shape("several lines", key.join("\n")),
        shape("lines of windows", format!("{}\r\n{}", key[0], key[1])),
        shape("cut at 512", word(2, 700)),
        shape("longer than what is looked at", word(3, 9_000)),
        shape(
            "blanks",
            format!(" {}  {}\t{} ", word(4, 8), word(5, 8), word(6, 8)),
        ),
        shape(
            "obeyed by a terminal",
            format!("{}\u{1b}[31m{}\u{7}{}", word(7, 8), word(8, 8), word(9, 8)),
        ),
        shape(
            "wide and turned",
            format!("пароль世界\u{202e}{}é", word(15, 8)),
        ),
    ]
}

/// What gives secrets away: every few characters of them in a row.
pub(crate) struct Giveaways(HashSet<[char; WINDOW]>);

impl Giveaways {
    pub(crate) fn of<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let secrets = secrets.into_iter();
        Self(secrets.flat_map(windows).collect())
    }

    /// The first piece of a secret that is in these bytes.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<String> {
        let text = String::from_utf8_lossy(bytes);
        let found = windows(&text).find(|window| self.0.contains(window));
        found.map(|window| window.iter().collect())
    }
}

/// Every few characters in a row, of those that stand between blanks.
fn windows(text: &str) -> impl Iterator<Item = [char; WINDOW]> {
    let runs = text.split(|char: char| char.is_control() || char.is_whitespace());
    runs.flat_map(|run| {
        let run: Vec<_> = run.chars().collect();
        let windows = run.windows(WINDOW);
        let windows = windows.map(|window| window.try_into().expect("it has that length"));
        windows.collect::<Vec<_>>()
    })
}
