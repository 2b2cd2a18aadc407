//! The words of an SQL statement, for comparing two statements.

use super::blueprint::OURS;

/// The words of a statement without its comments and spaces, as SQLite takes them apart. Quotes
/// around our own names are dropped: renaming a table leaves its name in quotes.
pub(super) fn words(sql: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let is_word =
            |char: char| char.is_ascii_alphanumeric() || "_$".contains(char) || !char.is_ascii();
        let length = match first {
            ' ' | '\t' | '\n' | '\r' | '\u{c}' => {
                rest = &rest[1..];
                continue;
            }
            '-' if rest.starts_with("--") => {
                rest = rest.find('\n').map_or("", |end| &rest[end..]);
                continue;
            }
            '/' if rest.starts_with("/*") => {
                rest = rest[2..].find("*/").map_or("", |end| &rest[end + 4..]);
                continue;
            }
            '\'' | '"' | '`' => quoted(rest, first),
            '[' => rest.find(']').map_or(rest.len(), |end| end + 1),
            _ if is_word(first) => rest.find(|char| !is_word(char)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let word = &rest[..length];
        let bare = word.trim_matches(['"', '`', '[', ']']);
        let is_own = bare.starts_with(OURS) && bare.chars().all(is_word);
        words.push(match first {
            '"' | '`' | '[' if is_own => bare.to_owned(),
            '\'' | '"' | '`' | '[' => word.to_owned(),
            _ => word.to_ascii_lowercase(),
        });
        rest = &rest[length..];
    }
    words
}

/// The length of a text in quotes; a doubled quote does not end it.
fn quoted(rest: &str, quote: char) -> usize {
    let mut from = 1;
    while let Some(end) = rest[from..].find(quote) {
        from += end + 1;
        if !rest[from..].starts_with(quote) {
            return from;
        }
        from += 1;
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_comments_and_quotes_of_our_names_do_not_matter() {
        let made = words("CREATE TABLE marionette_lane (\n    id INTEGER, -- one\n a TEXT)");
        for same in [
            "CREATE TABLE marionette_lane(id INTEGER,a TEXT)",
            "create table \"marionette_lane\" ( ID integer /* one */ , a text )",
            "CREATE TABLE [marionette_lane] (id INTEGER, a TEXT)",
        ] {
            assert_eq!(words(same), made, "{same}");
        }
        for other in [
            "CREATE TABLE marionette_lane (id INTEGER, a TEXT NOT NULL)",
            "CREATE TABLE marionette_lane (id INTEGER, 'a' TEXT)",
            "CREATE TABLE marionette_lane (id \"INTEGER\", a TEXT)",
            "CREATE TABLE marionette_lane (id INTEGER, a TEXT) -- one\n, b)",
            "CREATE TABLE marionette_lane (id INTEGER, a TEXT)\0",
        ] {
            assert_ne!(words(other), made, "{other}");
        }
    }

    #[test]
    fn a_text_in_quotes_is_one_word() {
        assert_eq!(
            words("a = 'it''s -- no' || \"b\"\"c\""),
            ["a", "=", "'it''s -- no'", "|", "|", "\"b\"\"c\""]
        );
        assert_eq!(words("'open"), ["'open"]);
    }
}
