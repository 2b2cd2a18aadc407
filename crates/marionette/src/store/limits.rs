//! The limits that all stores share, and the one way to bring a text within them.

use std::borrow::Cow;

/// The longest payload and the longest result, in bytes: 1 MiB.
pub const PAYLOAD_BYTES_MAX: usize = 1024 * 1024;
/// The longest text of an error or a reason that is kept, in bytes: 8 KiB.
pub const ERROR_BYTES_MAX: usize = 8 * 1024;
/// The longest name of a kind or a queue, in bytes.
pub const NAME_BYTES_MAX: usize = 128;

/// The end of a text that was cut.
const MARK: &str = " […]";

/// Cuts the text of an error, a reason or a name of a job to at most [`ERROR_BYTES_MAX`], between
/// two characters. A text that was cut ends with ` […]`.
///
/// A store cuts every text with it before it keeps it.
///
/// # Examples
///
/// ```
/// use marionette::store::{ERROR_BYTES_MAX, clip_error};
///
/// assert_eq!(clip_error("no such host"), "no such host");
/// let long = clip_error("é".repeat(ERROR_BYTES_MAX));
/// assert!(long.len() <= ERROR_BYTES_MAX && long.ends_with("é […]"));
/// assert_eq!(clip_error(&*long), long);
/// ```
pub fn clip_error<'a>(text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
    let text = text.into();
    if text.len() <= ERROR_BYTES_MAX {
        return text;
    }
    let mut end = ERROR_BYTES_MAX - MARK.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut text = text.into_owned();
    text.truncate(end);
    text.push_str(MARK);
    text.into()
}
