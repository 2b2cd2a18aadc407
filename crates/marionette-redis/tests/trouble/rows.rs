//! The tests that the document names exist.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("it is a folder").flatten() {
        let path: PathBuf = entry.path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            text.push_str(&fs::read_to_string(&path).expect("it is a text"));
        }
    }
}

#[test]
fn each_test_that_the_document_names_exists() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let document = fs::read_to_string(crates.join("../docs/redis-faults.md"));
    let document = document.expect("the document is there");
    let mut text = String::new();
    for folder in [
        "marionette-redis/src",
        "marionette-redis/tests",
        "marionette-conformance/src",
    ] {
        sources(&crates.join(folder), &mut text);
    }
    let code = document.split('`').skip(1).step_by(2);
    let is_test = |code: &&str| code.matches('_').count() > 3 && !code.contains('/');
    let mut count = 0;
    for test in code.filter(is_test) {
        let name = test.rsplit("::").next().expect("it is not empty");
        let is_here =
            text.contains(&format!("fn {name}(")) || text.contains(&format!("\"{name}\""));
        assert!(is_here, "there is no test {test}");
        count += 1;
    }
    assert!(count > 50, "{count}");
}
