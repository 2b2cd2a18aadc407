//! What the name of a kind or a queue may be, checked where it is told: at compile time for a job.

use std::fmt;

use crate::store::limits::NAME_BYTES_MAX;

/// What is wrong with the name of a kind or a queue: found by [`check_name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameError(Wrong);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Empty,
    /// It has so many bytes.
    TooLong(usize),
    /// It has this character.
    Character(char),
}

/// Checks the name of a kind or a queue: 1 to 128 of `A`–`Z`, `a`–`z`, `0`–`9`, `_`, `.`, `:`, `-`.
///
/// # Errors
///
/// A [`NameError`], whose text goes behind "the name of the queue" or the like.
///
/// # Examples
///
/// ```
/// use marionette::store::check_name;
///
/// const _: () = assert!(check_name("send_mail").is_ok());
/// let error = check_name("send mail").unwrap_err();
/// assert_eq!(error.to_string(), "has ' ', which is none of A–Z, a–z, 0–9, _ . : -");
/// ```
pub const fn check_name(name: &str) -> Result<(), NameError> {
    let bytes = name.as_bytes();
    if bytes.is_empty() {
        return Err(NameError(Wrong::Empty));
    }
    if bytes.len() > NAME_BYTES_MAX {
        return Err(NameError(Wrong::TooLong(bytes.len())));
    }
    let mut at = 0;
    while at < bytes.len() {
        if !matches!(bytes[at], b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b':' | b'-')
        {
            return Err(NameError(Wrong::Character(character(bytes, at))));
        }
        at += 1;
    }
    Ok(())
}

/// The character that begins at this byte of a text.
const fn character(text: &[u8], at: usize) -> char {
    let first = text[at] as u32;
    // The first byte says how many follow, each with six bits.
    let (mut code, more) = match first {
        0..0x80 => (first, 0),
        0x80..0xE0 => (first & 0x1F, 1),
        0xE0..0xF0 => (first & 0x0F, 2),
        _ => (first & 0x07, 3),
    };
    let mut next = 1;
    while next <= more {
        code = code << 6 | (text[at + next] & 0x3F) as u32;
        next += 1;
    }
    match char::from_u32(code) {
        Some(character) => character,
        None => char::REPLACEMENT_CHARACTER,
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Wrong::Empty => f.write_str("is empty"),
            Wrong::TooLong(bytes) => {
                write!(f, "has {bytes} bytes, the limit is {NAME_BYTES_MAX}")
            }
            Wrong::Character(character) => write!(
                f,
                "has {character:?}, which is none of A–Z, a–z, 0–9, _ . : -"
            ),
        }
    }
}

impl std::error::Error for NameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wrong_character_is_named_whatever_its_length() {
        for wrong in [' ', 'é', '→', '🦀', '\u{7FF}', '\u{FFFF}'] {
            let error = check_name(&format!("ab{wrong}{wrong}")).expect_err("it is wrong");
            assert_eq!(error, NameError(Wrong::Character(wrong)));
        }
        assert_eq!(check_name(""), Err(NameError(Wrong::Empty)));
        assert_eq!(check_name(&"a".repeat(128)), Ok(()));
        assert_eq!(
            check_name(&"a".repeat(129)),
            Err(NameError(Wrong::TooLong(129)))
        );
    }
}
