//! A command with places for items, as in GNU parallel: `{}`, `{.}`, `{/}`, `{//}`, `{/.}`, `{#}`,
//! and each of them with the number of a list, as in `{2}`.

use std::fmt;

/// A command with places for items. Each filled word is one word, and never a line for a shell.
#[derive(Debug)]
pub(super) struct Template {
    words: Vec<Vec<WordPart>>,
}

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
enum WordPart {
    Text(String),
    /// The number of the task, from 1.
    Number,
    Item {
        /// The list, from 0; `None` for the items of all lists.
        list: Option<usize>,
        cut: Cut,
    },
}

/// The part of an item that a place takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Whole,
    /// Without the extension.
    Stem,
    /// Without the folder.
    Name,
    /// The folder.
    Folder,
    /// Without the folder and the extension.
    NameStem,
}

/// A place that cannot be filled.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// The place names a list that does not exist.
    List { place: String, lists: usize },
    /// The place has a meaning in GNU parallel and none here.
    Unknown { place: String },
}

impl Template {
    /// Reads the words of a command for items from `lists` lists. If no word has a place, the items
    /// follow the command.
    pub(super) fn parse(words: &[String], lists: usize) -> Result<Self, Unfit> {
        let words = words.iter().map(|word| parse(word, lists));
        let mut words = words.collect::<Result<Vec<_>, _>>()?;
        if words.iter().flatten().all(WordPart::is_text) {
            words.push(vec![WordPart::Item {
                list: None,
                cut: Cut::Whole,
            }]);
        }
        Ok(Self { words })
    }

    /// Whether an item, or a part of one, is put into the word of this number.
    pub(super) fn takes_items(&self, word: usize) -> bool {
        let is_item = |part: &WordPart| matches!(part, WordPart::Item { .. });
        self.words
            .get(word)
            .is_some_and(|parts| parts.iter().any(is_item))
    }

    /// The command for these items, one of each list.
    pub(super) fn fill(&self, items: &[String], number: usize) -> Vec<String> {
        let mut filled = Vec::with_capacity(self.words.len() + items.len());
        for parts in &self.words {
            // Alone in its word, a place for the items of all lists becomes one word for each list.
            if let [WordPart::Item { list: None, cut }] = parts.as_slice() {
                filled.extend(items.iter().map(|item| cut.of(item).to_owned()));
            } else {
                filled.push(parts.iter().map(|part| part.fill(items, number)).collect());
            }
        }
        filled
    }
}

fn parse(word: &str, lists: usize) -> Result<Vec<WordPart>, Unfit> {
    let mut parts = Vec::new();
    let (mut text, mut rest) = (String::new(), word);
    while let Some(begin) = rest.find('{') {
        let end = rest[begin..].find('}').map(|end| begin + end + 1);
        let place = end.and_then(|end| Some((place(&rest[begin..end], lists)?, end)));
        let Some((part, end)) = place else {
            text.push_str(&rest[..=begin]);
            rest = &rest[begin + 1..];
            continue;
        };
        text.push_str(&rest[..begin]);
        if !text.is_empty() {
            parts.push(WordPart::Text(std::mem::take(&mut text)));
        }
        parts.push(part?);
        rest = &rest[end..];
    }
    text.push_str(rest);
    if !text.is_empty() || parts.is_empty() {
        parts.push(WordPart::Text(text));
    }
    Ok(parts)
}

/// The meaning of `{…}`; `None` if it is only text.
fn place(text: &str, lists: usize) -> Option<Result<WordPart, Unfit>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    match inner {
        "#" => return Some(Ok(WordPart::Number)),
        "%" => {
            let place = text.to_owned();
            return Some(Err(Unfit::Unknown { place }));
        }
        _ => {}
    }
    let digits = inner.strip_prefix('-').unwrap_or(inner);
    let digits = digits.len()
        - digits
            .trim_start_matches(|char: char| char.is_ascii_digit())
            .len();
    let (number, cut) = match digits {
        0 => ("", inner),
        digits => inner.split_at(digits + usize::from(inner.starts_with('-'))),
    };
    let cut = match cut {
        "" => Cut::Whole,
        "." => Cut::Stem,
        "/" => Cut::Name,
        "//" => Cut::Folder,
        "/." => Cut::NameStem,
        _ => return None,
    };
    if number.is_empty() {
        return Some(Ok(WordPart::Item { list: None, cut }));
    }
    let list = nth(number, lists).ok_or_else(|| Unfit::List {
        place: text.to_owned(),
        lists,
    });
    Some(list.map(|list| WordPart::Item {
        list: Some(list),
        cut,
    }))
}

/// The list of this number, from 1, or from the end if it is negative.
fn nth(number: &str, lists: usize) -> Option<usize> {
    let list = match number.strip_prefix('-') {
        Some(number) => lists.checked_sub(number.parse().ok().filter(|number| *number > 0)?)?,
        None => number.parse::<usize>().ok()?.checked_sub(1)?,
    };
    (list < lists).then_some(list)
}

impl WordPart {
    fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    fn fill(&self, items: &[String], number: usize) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number => number.to_string(),
            Self::Item { list: None, cut } => {
                let cuts: Vec<_> = items.iter().map(|item| cut.of(item)).collect();
                cuts.join(" ")
            }
            Self::Item {
                list: Some(list),
                cut,
            } => cut.of(&items[*list]).to_owned(),
        }
    }
}

impl Cut {
    fn of(self, item: &str) -> &str {
        match self {
            Self::Whole => item,
            Self::Stem => stem(item),
            Self::Name => name(item),
            Self::Folder => folder(item),
            Self::NameStem => stem(name(item)),
        }
    }
}

/// The path up to the last dot of its last name.
fn stem(path: &str) -> &str {
    match path.rfind(['.', '/']) {
        Some(at) if path[at..].starts_with('.') => &path[..at],
        _ => path,
    }
}

/// The path behind its last slash.
fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The folder of a path, as `dirname` prints it.
fn folder(path: &str) -> &str {
    let path = match path.trim_end_matches('/') {
        "" if !path.is_empty() => return "/",
        path => path,
    };
    let Some(end) = path.rfind('/') else {
        return ".";
    };
    match path[..end].trim_end_matches('/') {
        "" => "/",
        folder => folder,
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List { place, lists } => {
                let lists = crate::console::text::count(*lists, "list");
                write!(
                    f,
                    "`{place}` names a list of items that is not there: this command has {lists}, \
                     and `{{1}}` is of the first"
                )
            }
            Self::Unknown { place } => write!(
                f,
                "`{place}` cannot be filled here; there are `{{}}`, `{{.}}`, `{{/}}`, `{{//}}`, \
                 `{{/.}}`, `{{#}}`, and `{{1}}`, `{{1.}}` … for one list of several"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(words: &[&str], items: &[&str]) -> Vec<String> {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let items: Vec<_> = items.iter().map(|item| (*item).to_owned()).collect();
        let template = Template::parse(&words, items.len()).expect("it can be filled");
        template.fill(&items, 7)
    }

    /// Compared with GNU parallel 20221122, except for a folder that ends with a line end.
    #[test]
    fn places_are_filled_as_by_gnu_parallel() {
        let places = ["{}", "{.}", "{/}", "{//}", "{/.}"];
        for expected in [
            ["a/b.c.d", "a/b.c", "b.c.d", "a", "b.c"],
            ["x", "x", "x", ".", "x"],
            [".hid", "", ".hid", ".", ""],
            ["a/.hid", "a/", ".hid", "a", ""],
            ["a.b/c", "a.b/c", "c", "a.b", "c"],
            ["", "", "", ".", ""],
            ["/", "/", "", "/", ""],
            ["a/b/", "a/b/", "", "a", ""],
            ["/x", "/x", "x", "/", "x"],
            ["..", ".", "..", ".", "."],
            ["./x.tar.gz", "./x.tar", "x.tar.gz", ".", "x.tar"],
            ["a.b/c.d/", "a.b/c.d/", "", "a.b", ""],
        ] {
            assert_eq!(fill(&places, &[expected[0]]), expected);
        }
    }

    #[test]
    fn places_stand_anywhere_in_a_word_and_name_their_list() {
        assert_eq!(
            fill(&["cp", "{}", "{.}-{#}.bak"], &["a.x"]),
            ["cp", "a.x", "a-7.bak"]
        );
        assert_eq!(
            fill(&["{2}", "{1.}", "{-1}"], &["a.x", "b"]),
            ["b", "a", "b"]
        );
        assert_eq!(fill(&["p", "{.}"], &["a.x", "b.y"]), ["p", "a", "b"]);
        assert_eq!(fill(&["p{}"], &["a", "b"]), ["pa b"]);
        assert_eq!(
            fill(&["{{}}", "{}{}", "{a}", "{ }", "{", "}"], &["x"]),
            ["{x}", "xx", "{a}", "{ }", "{", "}"]
        );
    }

    #[test]
    fn without_a_place_the_items_follow() {
        assert_eq!(fill(&["rm", "-f"], &["a b"]), ["rm", "-f", "a b"]);
        assert_eq!(fill(&["cp", ""], &["a", "b"]), ["cp", "", "a", "b"]);
        assert_eq!(fill(&["echo", "{#}"], &["a"]), ["echo", "7"]);
    }

    #[test]
    fn what_is_put_in_is_not_looked_at_again() {
        assert_eq!(
            fill(&["p", "{1}", "{2}"], &["{2}", "{#}"]),
            ["p", "{2}", "{#}"]
        );
    }

    #[test]
    fn places_that_cannot_be_filled_are_refused() {
        for place in [
            "{2}",
            "{0}",
            "{-2}",
            "{2.}",
            "{99999999999999999999}",
            "{%}",
        ] {
            let words = ["p".to_owned(), place.to_owned()];
            let error = Template::parse(&words, 1).unwrap_err().to_string();
            assert!(error.contains(&format!("`{place}`")), "{error}");
        }
    }
}
