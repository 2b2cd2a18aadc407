//! The functions and modules of a file: their names, and where their braces open and close.

use std::ops::Range;

use super::words;

/// A named item with a body.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    pub(crate) name: &'a str,
    /// From the keyword to the closing brace.
    pub(crate) range: Range<usize>,
}

/// The items that `keyword` begins (`fn`, `mod`) and that have a body, in the order of the file.
pub(crate) fn blocks<'a>(code: &'a str, keyword: &str) -> Vec<Block<'a>> {
    let block = |start: usize| {
        let after = start + keyword.len();
        let name = words::name(&code[after..]);
        let open = body(code, after).filter(|_| !name.is_empty())?;
        Some(Block {
            name,
            range: start..close(code, open) + 1,
        })
    };
    words::places(code, keyword)
        .into_iter()
        .filter_map(block)
        .collect()
}

/// The names of the modules around `at`, outermost first.
pub(crate) fn modules_around(code: &str, at: usize) -> Vec<&str> {
    around(&blocks(code, "mod"), at)
}

/// The names of those of `blocks` that are around `at`, outermost first.
pub(crate) fn around<'a>(blocks: &[Block<'a>], at: usize) -> Vec<&'a str> {
    let around = blocks.iter().filter(|block| block.range.contains(&at));
    around.map(|block| block.name).collect()
}

/// Whether `module` is one of tests: `tests`, `loom_tests`.
pub(crate) fn is_tests(module: &str) -> bool {
    module == "tests" || module.ends_with("_tests")
}

/// Where the body opens; a semicolon before it means that there is none.
fn body(code: &str, from: usize) -> Option<usize> {
    let mut depth = 0;
    for (at, char) in code[from..].char_indices() {
        match char {
            '(' | '[' => depth += 1,
            ')' | ']' | '}' | ';' if depth == 0 => return None,
            ')' | ']' => depth -= 1,
            '{' if depth == 0 => return Some(from + at),
            _ => (),
        }
    }
    None
}

/// Where the brace that opens at `open` closes.
fn close(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, char) in code[open..].char_indices() {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => (),
        }
        if depth == 0 {
            return open + at;
        }
    }
    code.len() - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_ends_with_its_brace() {
        let code = "fn a(x: [u8; 2]) where T: Fn() -> u8 { { } }\nfn b();\nfn c() {}";
        let found = blocks(code, "fn");
        let names: Vec<_> = found.iter().map(|block| block.name).collect();
        assert_eq!(names, ["a", "c"]);
        assert!(code[found[0].range.clone()].ends_with("{ { } }"));
    }

    #[test]
    fn a_function_pointer_is_not_a_function() {
        assert!(blocks("let a: fn(u8) = b; { }", "fn").is_empty());
    }

    #[test]
    fn modules_know_what_they_contain() {
        let code = "mod a;\nmod tests { mod b { x } }\ny";
        assert_eq!(
            modules_around(code, code.find('x').unwrap()),
            ["tests", "b"]
        );
        assert!(modules_around(code, code.find('y').unwrap()).is_empty());
    }
}
