//! The paths by which a file names parts of its own crate: each that begins with `crate`, `super`
//! or `self`, in imports and in the middle of code, as a path from the root.

use std::ops::Range;

use super::blocks;
use super::source::Source;
use super::words;

/// A path from the root of the crate, and where its last name stands in the code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) at: usize,
    /// `[memory, queue, Queue]`.
    pub(crate) path: Vec<String>,
}

/// The paths in `source`, which is `module`, outside of its tests.
pub(crate) fn uses(source: &Source, module: &[String]) -> Vec<Use> {
    let code = source.code.as_str();
    let imports = imports(code);
    let beside = |at: &usize| !imports.iter().any(|import| import.contains(at));
    let begins = |at: &usize| !code[..*at].ends_with("::");
    let in_code = ["crate", "super", "self"]
        .iter()
        .flat_map(|word| words::places(code, word))
        .filter(|at| beside(at) && begins(at))
        .map(|at| at..code.len());
    let modules = blocks::blocks(code, "mod");
    let mut uses = Vec::new();
    for range in imports.iter().cloned().chain(in_code) {
        let relative = expand(&code[range.clone()]);
        let leads_away = |path: &Vec<&str>| path.len() > 1 && is_relative(path[0]);
        let inner = blocks::around(&modules, range.start);
        if inner.iter().any(|module| blocks::is_tests(module)) {
            continue;
        }
        let here = module.iter().map(String::as_str).chain(inner);
        let here: Vec<_> = here.collect();
        for path in relative.iter().filter(|path| leads_away(path)) {
            let at = path.last().map_or(range.start, |name| offset(code, name));
            uses.extend(from_root(&here, path).map(|path| Use { at, path }));
        }
    }
    uses.sort_by_key(|found| found.at);
    uses
}

/// The imports of a file: the text between each `use` and its semicolon.
pub(crate) fn imports(code: &str) -> Vec<Range<usize>> {
    let import = |at: usize| {
        let start = at + "use".len();
        let end = code[start..].find(';')? + start;
        // A bound such as `use<'a>` at the end of a type is not an import.
        (!code[start..].starts_with('<')).then_some(start..end)
    };
    words::places(code, "use")
        .into_iter()
        .filter_map(import)
        .collect()
}

/// The paths that `code` begins with: `a::{b, c::{d, e}}` is three.
pub(crate) fn expand(code: &str) -> Vec<Vec<&str>> {
    let code = code.trim_start();
    if let Some(group) = code.strip_prefix('{') {
        return members(group).into_iter().flat_map(expand).collect();
    }
    let name = words::name(code);
    let after = code[name.len()..].strip_prefix("::");
    let Some(after) = after.filter(|rest| words::begins_name(rest) || rest.starts_with('{')) else {
        return vec![vec![name]];
    };
    let with_name = |rest: Vec<_>| [vec![name], rest].concat();
    expand(after).into_iter().map(with_name).collect()
}

/// The members of a group, up to the brace that closes it.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut start) = (0, 0);
    let mut members = Vec::new();
    for (at, char) in group.char_indices() {
        match char {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                members.push(group[start..at].trim());
                start = at + 1;
                if char == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => (),
        }
    }
    members.retain(|member| !member.is_empty());
    members
}

fn is_relative(name: &str) -> bool {
    matches!(name, "crate" | "super" | "self")
}

/// A path as seen from the root; `None` when it ends with `super` or the like.
fn from_root(here: &[&str], path: &[&str]) -> Option<Vec<String>> {
    let mut base = here.to_vec();
    let mut rest = path;
    while let Some((first, after)) = rest.split_first().filter(|(first, _)| is_relative(first)) {
        match *first {
            "crate" => base.clear(),
            "super" => drop(base.pop()),
            _ => (),
        }
        rest = after;
    }
    let names = base.iter().chain(rest).map(|name| (*name).to_owned());
    rest.first()
        .is_some_and(|name| !name.is_empty())
        .then(|| names.collect())
}

/// Where a part of `code` begins in it.
fn offset(code: &str, part: &str) -> usize {
    part.as_ptr().addr() - code.as_ptr().addr()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn found(module: &str, text: &str) -> Vec<String> {
        let source = Source::new(Path::new("src/a.rs"), text.to_owned());
        let module: Vec<_> = module.split('/').map(str::to_owned).collect();
        let found = uses(&source, &module);
        found.iter().map(|found| found.path.join("/")).collect()
    }

    #[test]
    fn imports_and_paths_in_code_count() {
        assert_eq!(found("a", "use crate::b::C;\n"), ["b/C"]);
        assert_eq!(found("a", "pub(crate) use super::b::C as D;\n"), ["b/C"]);
        assert_eq!(
            found("a", "fn f() -> crate::b::C { super::d::e::<u8>() }"),
            ["b/C", "d/e"]
        );
        assert_eq!(found("a", "fn f(self) { self.g(); self::h() }"), ["a/h"]);
    }

    #[test]
    fn a_group_is_all_its_members() {
        let text =
            "use crate::{\n    b::{self, C},\n    d::{e::F, G},\n};\nuse {super::h::I, std::j};";
        assert_eq!(found("a", text), ["b/self", "b/C", "d/e/F", "d/G", "h/I"]);
        assert_eq!(
            found("a/b", "use super::{super::c::D, e::F};"),
            ["c/D", "a/e/F"]
        );
    }

    #[test]
    fn parents_are_counted_from_where_the_path_stands() {
        assert_eq!(found("a/b", "use super::c::D;"), ["a/c/D"]);
        assert_eq!(found("a/b", "use super::super::c::D;"), ["c/D"]);
        assert_eq!(found("a", "mod inner { use super::super::c::D; }"), ["c/D"]);
    }

    #[test]
    fn visibility_comments_tests_and_bounds_are_no_uses() {
        let text = "/// [`crate::b::C`]\npub(crate) fn f() -> impl T + use<'_> {}\n\
                    pub(super) const A: &str = \"crate::b\";\n\
                    mod tests { use super::*; use crate::b::C; }\n";
        assert!(found("a", text).is_empty(), "{:?}", found("a", text));
    }
}
