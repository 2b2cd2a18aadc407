//! The crates of the workspace: where each has its sources, and the modules that its root declares,
//! in the order in which it declares them.

use std::path::Path;

use super::blocks;
use super::source::Source;
use super::words;

/// A crate, as its root file declares it.
#[derive(Debug)]
pub(crate) struct Crate<'a> {
    /// `lib.rs` or `main.rs`.
    pub(crate) root: &'a Source,
    modules: Vec<Module<'a>>,
}

#[derive(Debug)]
struct Module<'a> {
    name: &'a str,
    is_test: bool,
}

/// A crate for each `src/lib.rs`, and for each `src/main.rs`, among these files.
pub(crate) fn all(sources: &[Source]) -> Vec<Crate<'_>> {
    let is_root = |source: &&Source| {
        source.path.ends_with("src/lib.rs") || source.path.ends_with("src/main.rs")
    };
    let of_root = |root| Crate {
        root,
        modules: modules(root),
    };
    sources.iter().filter(is_root).map(of_root).collect()
}

impl Crate<'_> {
    /// The folder that holds the root and everything else.
    pub(crate) fn folder(&self) -> &Path {
        self.root.path.parent().unwrap_or(Path::new(""))
    }

    /// How many modules the root declares before `module`.
    pub(crate) fn position(&self, module: &str) -> Option<usize> {
        self.modules.iter().position(|m| m.name == module)
    }

    /// The module that a file is: `memory/queue.rs` is `[memory, queue]`. `None` if it is the
    /// root, a program beside it, or another crate's.
    pub(crate) fn module_of(&self, path: &Path) -> Option<Vec<String>> {
        let inside = path.strip_prefix(self.folder()).ok()?.with_extension("");
        let mut names: Vec<_> = inside
            .iter()
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        if names.last().is_some_and(|name| name == "mod") {
            names.pop();
        }
        self.position(names.first()?).map(|_| names)
    }

    /// The files of the crate that are not only built for its tests, the root among them.
    pub(crate) fn built<'s>(&self, sources: &'s [Source]) -> Vec<&'s Source> {
        let built = |source: &&Source| {
            source.path.starts_with(self.folder()) && !source.is_test() && !self.is_test(source)
        };
        sources.iter().filter(built).collect()
    }

    /// Whether a file belongs to a module that the root declares for its tests alone.
    fn is_test(&self, source: &Source) -> bool {
        let module = self.module_of(&source.path);
        let position = module.and_then(|names| self.position(&names[0]));
        position.is_some_and(|position| self.modules[position].is_test)
    }
}

fn modules(root: &Source) -> Vec<Module<'_>> {
    let code = root.code.as_str();
    let declares = |at: &usize| blocks::modules_around(code, *at).len() <= 1;
    let module = |at: usize| {
        let name = words::name(&code[at + "mod".len()..]);
        let before = code[..at].trim_end().trim_end_matches("pub");
        Module {
            name,
            is_test: before.trim_end().ends_with("#[cfg(test)]"),
        }
    };
    words::places(code, "mod")
        .into_iter()
        .filter(declares)
        .map(module)
        .filter(|module| !module.name.is_empty())
        .collect()
}

/// Files of these texts, for tests of checks.
#[cfg(test)]
pub(crate) fn files(texts: &[(&str, &str)]) -> Vec<Source> {
    let source = |(path, text): &(&str, &str)| Source::new(Path::new(path), (*text).into());
    texts.iter().map(source).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_knows_its_module() {
        let files = files(&[(
            "a/src/lib.rs",
            "//! mod no;\npub mod b;\n#[cfg(x)]\nmod c;\n",
        )]);
        let all = all(&files);
        let module_of = |path| {
            all[0]
                .module_of(Path::new(path))
                .map(|names| names.join("/"))
        };
        assert_eq!(module_of("a/src/b.rs").as_deref(), Some("b"));
        assert_eq!(module_of("a/src/b/mod.rs").as_deref(), Some("b"));
        assert_eq!(module_of("a/src/b/d.rs").as_deref(), Some("b/d"));
        for other in [
            "a/src/lib.rs",
            "a/src/bin/e.rs",
            "a/tests/b.rs",
            "f/src/b.rs",
        ] {
            assert_eq!(module_of(other), None, "{other}");
        }
        assert_eq!(
            (all[0].position("b"), all[0].position("c")),
            (Some(0), Some(1))
        );
    }

    #[test]
    fn modules_of_tests_are_not_built() {
        let files = files(&[
            ("a/src/main.rs", "mod b;\n#[cfg(test)]\nmod fuzz;\n"),
            ("a/src/b.rs", ""),
            ("a/src/b/loom_tests.rs", ""),
            ("a/src/fuzz.rs", ""),
        ]);
        let built = all(&files)[0].built(&files);
        let paths: Vec<_> = built
            .iter()
            .map(|source| source.path.to_str().unwrap())
            .collect();
        assert_eq!(paths, ["a/src/main.rs", "a/src/b.rs"]);
    }
}
