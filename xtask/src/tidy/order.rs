//! A module uses only itself and what stands below it in the root of its crate: the order of the
//! `mod` lines is the only table of ranks. Within a folder anything goes, since a folder is one
//! concept.

use super::crates::{self, Crate};
use super::finding::Finding;
use super::source::Source;
use super::uses::{self, Use};

/// Finds each path that leads to a module above its own.
pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for krate in crates::all(sources) {
        for source in krate.built(sources) {
            let Some(module) = krate.module_of(&source.path) else {
                continue;
            };
            for found in uses::uses(source, &module) {
                let fault = fault(&krate, &module[0], &found);
                let at = source.line(found.at);
                findings.extend(fault.map(|text| Finding::new(&source.path, at, text)));
            }
        }
    }
    findings.dedup();
    findings
}

/// What is wrong with a use in `module`, if anything, and what to do.
fn fault(krate: &Crate<'_>, module: &str, found: &Use) -> Option<String> {
    let used = found.path[0].as_str();
    let root = krate.root.path.display();
    let Some(position) = krate.position(used) else {
        let way_out = match re_exported(krate, used) {
            Some(path) => format!("name its module: `crate::{path}`"),
            None => "move it into a module".to_owned(),
        };
        return Some(format!(
            "`{module}` uses `{used}` of {root}, which stands above all modules; {way_out}"
        ));
    };
    (Some(position) < krate.position(module)).then(|| {
        format!(
            "`{module}` uses `{used}`, which stands above it in {root}, and a module uses only \
             what stands below it; change the order of the `mod` lines, move what both need into \
             a module below them, or pass it in"
        )
    })
}

/// The path from which the root re-exports a name.
fn re_exported(krate: &Crate<'_>, name: &str) -> Option<String> {
    let code = krate.root.code.as_str();
    let imports = uses::imports(code);
    let mut paths = imports
        .into_iter()
        .flat_map(|range| uses::expand(&code[range]));
    let path = paths.find(|path| path.last() == Some(&name))?;
    let path = path.strip_prefix(&["crate"]).unwrap_or(&path);
    krate.position(path[0])?;
    Some(path.join("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "//! A tour.\nmod manager;\npub mod task;\n#[cfg(unix)]\nmod clock;\n\
                        pub use manager::TaskManager;\npub use task::{Task, job::Job};\n\
                        pub struct Own;\n";

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files = [&[("a/src/lib.rs", ROOT)], files].concat();
        let findings = check(&crates::files(&files));
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn looking_up_is_found() {
        let text = "use crate::clock::Now;\nuse crate::manager::TaskManager;\n";
        let found = found(&[("a/src/task/job.rs", text)]);
        assert_eq!(found.len(), 1, "{found:?}");
        let begin = "a/src/task/job.rs:2: `task` uses `manager`, which stands above it in \
                     a/src/lib.rs";
        assert!(found[0].starts_with(begin), "{found:?}");
    }

    #[test]
    fn looking_up_is_found_in_groups_in_code_and_through_parents() {
        let looks_up = |file, text| found(&[(file, text)]).len() == 1;
        assert!(looks_up(
            "a/src/clock.rs",
            "use crate::{\n    clock::A,\n    task::B,\n};\n"
        ));
        assert!(looks_up(
            "a/src/clock.rs",
            "fn a() { crate::task::run() }\n"
        ));
        assert!(looks_up("a/src/clock.rs", "use super::task::Task;\n"));
        assert!(looks_up(
            "a/src/clock/now.rs",
            "pub use super::super::task::Task;\n"
        ));
        assert!(!looks_up("a/src/clock/now.rs", "use super::task::Task;\n"));
    }

    #[test]
    fn a_circle_of_two_modules_is_refused_by_itself() {
        let task = ("a/src/task.rs", "use crate::clock::Now;\n");
        let clock = ("a/src/clock.rs", "use crate::task::Task;\n");
        assert!(found(&[task]).is_empty());
        assert_eq!(found(&[task, clock]).len(), 1);
    }

    #[test]
    fn files_of_one_folder_may_use_each_other() {
        let one = (
            "a/src/task/one.rs",
            "use super::two::Two;\nuse crate::task::three::Three;\n",
        );
        let two = ("a/src/task/two.rs", "use super::one::One;\n");
        assert!(found(&[one, two]).is_empty());
    }

    #[test]
    fn a_name_of_the_root_is_above_all() {
        let found = found(&[("a/src/clock.rs", "use crate::{Job, Own, TaskManager};\n")]);
        assert!(
            found[0].contains("name its module: `crate::task::job::Job`"),
            "{found:?}"
        );
        assert!(
            found[1].contains("`clock` uses `Own` of a/src/lib.rs"),
            "{found:?}"
        );
        assert!(found[1].ends_with("move it into a module"), "{found:?}");
        assert!(
            found[2].contains("`crate::manager::TaskManager`"),
            "{found:?}"
        );
    }

    #[test]
    fn down_tests_documentation_and_the_root_are_free() {
        let text = "//! As [`crate::manager`] says.\nuse crate::clock::Now;\n\
                    mod tests { use super::*; use crate::manager::TaskManager; }\n";
        let tests = "use crate::manager::TaskManager;\n";
        assert!(
            found(&[
                ("a/src/task.rs", text),
                ("a/src/clock/loom_tests.rs", tests),
                ("a/tests/task.rs", tests),
            ])
            .is_empty()
        );
    }
}
