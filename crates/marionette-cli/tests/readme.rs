//! What the README of this package shows is what the command takes.

mod common;

use common::Sandbox;

const README: &str = include_str!("../README.md");

/// The contents of the blocks in this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let begin = format!("\n```{language}\n");
    let blocks = README.split(begin.as_str()).skip(1);
    let blocks = blocks.filter_map(|rest| rest.split_once("```"));
    blocks.map(|(block, _)| block).collect()
}

#[test]
fn the_file_of_the_readme_is_read() {
    let sandbox = Sandbox::new();
    let [file] = blocks("toml")[..] else {
        panic!("the README shows one file");
    };
    sandbox.write("tasks.toml", file);
    let said = sandbox.run(&["run", "--dry-run", "tasks.toml"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert_eq!(
        said.out.lines().collect::<Vec<_>>(),
        [
            "ls *.png | xargs optipng",
            "curl --fail https://example.org/hook"
        ]
    );
}

#[test]
fn each_command_of_the_readme_is_one() {
    let sandbox = Sandbox::new();
    let lines = blocks("sh").into_iter().flat_map(str::lines);
    let commands = lines.filter_map(|line| line.split_once("marionette ").map(|(_, rest)| rest));
    let mut count = 0;
    for command in commands {
        let verb = command.split(' ').next().expect("it has a verb");
        let said = sandbox.run(&[verb, "--help"]);
        assert_eq!(said.status, Some(0), "{verb}: {said:?}");
        count += 1;
    }
    assert!(count >= 8, "{count}");
}
