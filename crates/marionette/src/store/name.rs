//! `Name`: the name of a kind or a queue, which is checked once, where it is made.

use std::borrow::{Borrow, Cow};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::store::instance::cut_to;
use crate::store::limits::NAME_BYTES_MAX;

/// The name of a kind or a queue: 1 to 128 of `A`–`Z`, `a`–`z`, `0`–`9`, `_`, `.`, `:`, `-`.
///
/// A name is checked once, where it is made, so nobody who has one checks it again. It is compared,
/// ordered, hashed and shown like its text. A clone copies no text.
///
/// # Examples
///
/// ```
/// use marionette::store::Name;
///
/// const MAILS: Name = Name::from_static("mails");
///
/// let tenant: Name = format!("tenant-{}", 7).try_into()?;
/// assert_eq!(tenant, "tenant-7");
/// assert!(MAILS < tenant);
///
/// let error = "send mail".parse::<Name>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "the name `send mail` has ' ', which is none of A–Z, a–z, 0–9, _ . : -",
/// );
/// # Ok::<(), marionette::store::NameError>(())
/// ```
#[derive(Clone)]
pub struct Name(Text);

#[derive(Clone)]
enum Text {
    Static(&'static str),
    Shared(Arc<str>),
}

impl Name {
    /// A name that stands in the program. In a constant it is checked when the program is compiled.
    ///
    /// A name that comes from elsewhere is made by `parse` or `try_into`, which return an error.
    ///
    /// # Panics
    ///
    /// If the text cannot be a name. In a constant that is an error of the compiler:
    ///
    /// ```compile_fail
    /// # use marionette::store::Name;
    /// const MAILS: Name = Name::from_static("our mails");
    /// ```
    #[must_use]
    #[track_caller]
    pub const fn from_static(name: &'static str) -> Self {
        assert!(
            is_name(name),
            "a name has 1 to 128 characters, each one of A-Z, a-z, 0-9, _ . : -"
        );
        Self(Text::Static(name))
    }

    /// The text of the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            Text::Static(text) => text,
            Text::Shared(text) => text,
        }
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        self
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl TryFrom<&str> for Name {
    type Error = NameError;

    fn try_from(text: &str) -> Result<Self, NameError> {
        match check(text) {
            Ok(()) => Ok(Self(Text::Shared(text.into()))),
            Err(wrong) => Err(NameError::new(text, wrong)),
        }
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.as_str().try_into()
    }
}

/// A borrowed text costs no allocation.
impl TryFrom<Cow<'static, str>> for Name {
    type Error = NameError;

    fn try_from(text: Cow<'static, str>) -> Result<Self, NameError> {
        match text {
            Cow::Owned(text) => text.try_into(),
            Cow::Borrowed(text) => match check(text) {
                Ok(()) => Ok(Self(Text::Static(text))),
                Err(wrong) => Err(NameError::new(text, wrong)),
            },
        }
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        text.try_into()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        (*name).to_owned()
    }
}

impl From<&Name> for String {
    fn from(name: &Name) -> Self {
        (**name).to_owned()
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        **self == *other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        **self == **other
    }
}

impl PartialEq<String> for Name {
    fn eq(&self, other: &String) -> bool {
        **self == **other
    }
}

impl PartialEq<Name> for str {
    fn eq(&self, other: &Name) -> bool {
        *self == **other
    }
}

impl PartialEq<Name> for &str {
    fn eq(&self, other: &Name) -> bool {
        **self == **other
    }
}

impl PartialEq<Name> for String {
    fn eq(&self, other: &Name) -> bool {
        **self == **other
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::try_from(&*text).map_err(serde::de::Error::custom)
    }
}

/// The error of a text that cannot be a [`Name`], with the text and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError {
    /// The text, cut if it is too long for a name.
    text: String,
    wrong: Wrong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Empty,
    /// Its length in bytes.
    TooLong(usize),
    /// It has this character.
    Character(char),
}

impl NameError {
    #[cold]
    fn new(text: &str, wrong: Wrong) -> Self {
        let mut shown = cut_to(NAME_BYTES_MAX, text.to_owned());
        if shown.len() < text.len() {
            shown.push('…');
        }
        Self { text: shown, wrong }
    }

    /// The error for the name of a queue.
    pub(crate) fn of_queue(&self) -> String {
        let Self { text, wrong } = self;
        format!("the name `{}` of a queue {wrong}", text.escape_debug())
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, wrong } = self;
        write!(f, "the name `{}` {wrong}", text.escape_debug())
    }
}

impl std::error::Error for NameError {}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::TooLong(bytes) => {
                write!(f, "has {bytes} bytes, the limit is {NAME_BYTES_MAX}")
            }
            Self::Character(character) => write!(
                f,
                "has {character:?}, which is none of A–Z, a–z, 0–9, _ . : -"
            ),
        }
    }
}

/// Whether a text can be a name.
pub(crate) const fn is_name(text: &str) -> bool {
    check(text).is_ok()
}

/// Checks a text that is to be a name.
const fn check(name: &str) -> Result<(), Wrong> {
    let bytes = name.as_bytes();
    if bytes.is_empty() {
        return Err(Wrong::Empty);
    }
    if bytes.len() > NAME_BYTES_MAX {
        return Err(Wrong::TooLong(bytes.len()));
    }
    let mut at = 0;
    while at < bytes.len() {
        if !matches!(bytes[at], b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b':' | b'-')
        {
            return Err(Wrong::Character(character(bytes, at)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wrong_character_is_named_whatever_its_length() {
        for wrong in [' ', 'é', '→', '🦀', '\u{7FF}', '\u{FFFF}'] {
            let error = Name::try_from(&*format!("ab{wrong}{wrong}")).expect_err("it is wrong");
            assert_eq!(error.wrong, Wrong::Character(wrong));
        }
        assert_eq!(check(""), Err(Wrong::Empty));
        assert_eq!(check(&"a".repeat(128)), Ok(()));
        assert_eq!(check(&"a".repeat(129)), Err(Wrong::TooLong(129)));
    }

    #[test]
    fn an_error_names_the_text_and_what_is_wrong_and_stays_short_and_on_one_line() {
        let shown = |text: &str| Name::try_from(text).expect_err("it is wrong").to_string();
        assert_eq!(shown(""), "the name `` is empty");
        let odd = "which is none of A–Z, a–z, 0–9, _ . : -";
        assert_eq!(shown("a\nb"), format!("the name `a\\nb` has '\\n', {odd}"));
        let long = format!(
            "the name `{}…` has 999 bytes, the limit is 128",
            "x".repeat(128)
        );
        assert_eq!(shown(&"x".repeat(999)), long);
    }

    #[test]
    fn a_name_is_compared_hashed_and_shown_like_its_text_wherever_it_comes_from() {
        const STATIC: Name = Name::from_static("mails");
        let shared: Name = "mails".parse().expect("it is a name");
        assert_eq!(STATIC, shared);
        let (text, owned) = ("mails", "mails".to_owned());
        assert!(STATIC == *text && STATIC == text && STATIC == owned);
        assert!(*text == shared && text == shared && owned == shared);
        assert!(STATIC < Name::from_static("news"));
        assert_eq!(format!("{shared:>7} {shared:?}"), "  mails \"mails\"");
        let names = std::collections::HashSet::from([STATIC]);
        assert!(names.contains("mails") && names.contains(&shared));
    }

    #[test]
    fn a_name_is_checked_when_it_is_read_from_json() {
        let read = serde_json::from_str::<Name>("\"mails\"").expect("it is a name");
        assert_eq!(
            serde_json::to_string(&read).expect("it is text"),
            "\"mails\""
        );
        let error = serde_json::from_str::<Name>("\"our mails\"").expect_err("it is wrong");
        assert!(
            error
                .to_string()
                .starts_with("the name `our mails` has ' '"),
            "{error}"
        );
    }
}
