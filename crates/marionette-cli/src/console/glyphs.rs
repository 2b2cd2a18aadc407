//! The characters that we draw, with plain ones for locales without UTF-8.

use std::borrow::Cow;
use std::env;
use std::sync::LazyLock;

/// Whether the locale has no UTF-8, by its variables in the order of their rank.
static IS_PLAIN: LazyLock<bool> = LazyLock::new(|| {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
    !has_utf8(&locale.unwrap_or_default().to_string_lossy())
});

fn has_utf8(locale: &str) -> bool {
    let locale = locale.to_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// The mark of a running command.
pub(crate) fn running() -> &'static str {
    if *IS_PLAIN { ">" } else { "▸" }
}

/// The characters of a bar: the part that is done, its end, and the part to come.
pub(crate) fn bar() -> &'static str {
    if *IS_PLAIN { "##." } else { "━╸ " }
}

/// A text of ours as the locale can show it; a clipped one keeps its width.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    if *IS_PLAIN && text.contains(['…', '▸', '━']) {
        plain(text).into()
    } else {
        text.into()
    }
}

/// `…` before a word becomes `...`; at the end of a clipped text it becomes one character.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find('…') {
        let (before, behind) = rest.split_at(place);
        let behind = &behind['…'.len_utf8()..];
        plain.push_str(before);
        let mut next = behind.chars();
        let stands_alone = match next.next() {
            Some(' ') => next.next().is_some_and(|char| char != ' '),
            next => next == Some(']'),
        };
        plain.push_str(if stands_alone { "..." } else { "~" });
        rest = behind;
    }
    plain.push_str(rest);
    plain.replace('▸', ">").replace('━', "#")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_has_utf8_if_it_says_so() {
        for (locale, expected) in [
            ("C.UTF-8", true),
            ("de_DE.utf8", true),
            ("en_GB.UTF-8@euro", true),
            ("C", false),
            ("POSIX", false),
            ("de_DE.ISO-8859-1", false),
            ("", false),
        ] {
            assert_eq!(has_utf8(locale), expected, "{locale}");
        }
    }

    #[test]
    fn plain_characters_keep_the_width_of_what_was_clipped() {
        assert_eq!(plain("a long na…  done"), "a long na~  done");
        assert_eq!(plain("a long …"), "a long ~");
        assert_eq!(plain("[… 5 bytes more …]"), "[... 5 bytes more ...]");
        assert_eq!(plain("… and 5 more"), "... and 5 more");
        assert_eq!(plain("▸ it's"), "> it's");
    }
}
