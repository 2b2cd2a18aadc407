//! Whole words in code.

/// Where `word` stands in `code` on its own, not as a part of a longer name.
pub(crate) fn places(code: &str, word: &str) -> Vec<usize> {
    let free = |at: &usize| {
        let before = code[..*at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(is_name) && !after.is_some_and(is_name)
    };
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(free)
        .collect()
}

/// The name that `code` begins with, after white space; empty when there is none.
pub(crate) fn name(code: &str) -> &str {
    let code = code.trim_start();
    let end = code.find(|char| !is_name(char)).unwrap_or(code.len());
    &code[..end]
}

/// Whether `code` begins with a name.
pub(crate) fn begins_name(code: &str) -> bool {
    code.chars().next().is_some_and(is_name)
}

fn is_name(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_name_is_not_the_word() {
        assert_eq!(
            places("unsafe unsafe_code not_unsafe {unsafe}", "unsafe"),
            [0, 31]
        );
    }

    #[test]
    fn a_name_ends_where_something_else_begins() {
        assert_eq!(name("  memory::queue"), "memory");
        assert_eq!(name("(x)"), "");
    }
}
