//! `marionette run -- COMMAND {} ::: ITEMS`: words, and never a line for a shell.

mod common;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::Command;

use common::{Said, Sandbox, said, until};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, prop};
use proptest::test_runner::TestRunner;

/// The lines of what would be run.
fn would_run(sandbox: &Sandbox, words: &[&str]) -> Vec<String> {
    let said = sandbox.run(&[&["run", "--dry-run", "--"], words].concat());
    assert_eq!(said.status, Some(0), "{said:?}");
    said.out.lines().map(str::to_owned).collect()
}

#[track_caller]
fn refused(said: &Said, expected: &str) {
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(said.err.contains(expected), "{}", said.err);
}

#[test]
fn a_command_runs_once_for_each_item() {
    let sandbox = Sandbox::new();
    for name in ["a.png", "b c.png"] {
        sandbox.write(name, name);
    }
    let said = sandbox.run(&[
        "run", "-j", "2", "--", "cp", "{}", "{.}.bak", ":::", "a.png", "b c.png",
    ]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert_eq!(sandbox.read("a.bak"), "a.png");
    assert_eq!(sandbox.read("b c.bak"), "b c.png");
    assert!(said.out.contains("cp 'b c.png' 'b c.bak'"), "{said:?}");
    let said = sandbox.run_with(&["run", "-0", "--", "rm", "{}"], b"a.bak\0./b c.bak\0");
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(!sandbox.path("a.bak").exists() && !sandbox.path("b c.bak").exists());
}

#[test]
fn what_would_run_is_printed_and_nothing_runs() {
    let sandbox = Sandbox::new();
    let lines = would_run(&sandbox, &["touch", "{}", ":::", "a", "it's $HOME"]);
    assert_eq!(lines, ["touch a", "touch 'it'\\''s $HOME'"]);
    let lines = would_run(&sandbox, &["echo", ":::", "a", "b", ":::", "1", "2"]);
    assert_eq!(lines, ["echo a 1", "echo a 2", "echo b 1", "echo b 2"]);
    let lines = would_run(
        &sandbox,
        &["{2}", "{1.}-{#}", ":::", "a.x", ":::", "p", "q"],
    );
    assert_eq!(lines, ["p a-1", "q a-2"]);
    sandbox.write("list.txt", "echo a | wc -c\n# none\n");
    sandbox.write(
        "list.toml",
        "[[task]]\ncommand = ['touch', {secret = 's3cret'}]\ncwd = '/'\nenv = {A = 'b c'}\n",
    );
    for (file, expected) in [
        ("list.txt", "echo a | wc -c\n"),
        ("list.toml", "(cd / && env 'A=b c' touch ***)\n"),
    ] {
        let said = sandbox.run(&["run", "--dry-run", file]);
        assert_eq!((said.status, said.out.as_str()), (Some(0), expected));
    }
    let said = sandbox.run(&["run", "--dry-run", "--json", "--", "touch", ":::", "a b"]);
    assert!(
        said.out.starts_with(r#"{"command":["touch","a b"],"#),
        "{said:?}"
    );
    assert!(!sandbox.path("a").exists());
    assert!(
        !sandbox.path("tasks.db").exists(),
        "not even a store is made"
    );
}

#[test]
fn nothing_to_run_for_is_no_failure() {
    let sandbox = Sandbox::new();
    for words in [
        &["touch", "x", ":::"][..],
        &["touch", "x", ":::", "a", ":::"],
        &["touch", "x"],
    ] {
        let said = sandbox.run(&[&["run", "--"], words].concat());
        assert_eq!(said.status, Some(0), "{said:?}");
        assert_eq!(said.err, "marionette: there are no items for `touch x`\n");
    }
    assert!(!sandbox.path("x").exists() && !sandbox.path("tasks.db").exists());
}

#[test]
fn items_on_standard_input_are_lines_or_end_with_zero_bytes() {
    let sandbox = Sandbox::new();
    let shown = |arguments: &[&str], input: &[u8]| {
        let said = sandbox.run_with(&[&["run", "--dry-run"], arguments].concat(), input);
        assert_eq!(said.status, Some(0), "{said:?}");
        said.out
    };
    let mark = "\u{feff}a\r\n\n b \\\nlast".as_bytes();
    assert_eq!(shown(&["--", "p"], mark), "p a\np ''\np ' b \\'\np last\n");
    assert_eq!(
        shown(&["-0", "--", "p"], b"a\nb\0\0c"),
        "p $'a\\nb'\np ''\np c\n"
    );
    let refusal = |arguments: &[&str], input: &[u8], expected| {
        refused(&sandbox.run_with(arguments, input), expected);
    };
    refusal(
        &["run", "--", "p"],
        b"a\0b\0",
        "item 1 contains a zero byte; if that is what",
    );
    refusal(
        &["run", "--", "p"],
        b"\xff\xfea\0",
        "standard input:1: it is UTF-16",
    );
    refusal(
        &["run", "-0", "--", "p"],
        b"ok\0caf\xe9\n\0",
        "words of a command have to be: caf\\xe9\\n",
    );
    let long = "x".repeat(131_072);
    refusal(
        &["run", "--", "p"],
        long.as_bytes(),
        "has 131072 bytes; the system takes 131071",
    );
    refusal(
        &["run", "--", "{}"],
        b"a\n \n",
        "item 2, ' ': the command is empty",
    );
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_to_write() {
    let sandbox = Sandbox::new();
    sandbox.write("list.txt", "true\n");
    for (arguments, expected) in [
        (
            &["run", "--", ":::", "a"][..],
            "the command is missing before its items",
        ),
        (&["run", "--", "", ":::", "a"], "the command is empty"),
        (
            &["run", "--", "cp", "{2}", ":::", "a"],
            "`{2}` names a list of items that is not there",
        ),
        (
            &["run", "--", "p", "{%}", ":::", "a"],
            "`{%}` cannot be filled here",
        ),
        (
            &["run", "--", "p", "::::", "list.txt"],
            "`::::` is not known here",
        ),
        (
            &["run", "-0", "--", "p", ":::", "a"],
            "`-0` is for items on standard input",
        ),
        (
            &["run", "list.txt", "--", "p"],
            "marionette run -- COMMAND {} < list.txt",
        ),
        (
            &["run", "--", "gzip -k {}", ":::", "a"],
            "marionette run -- gzip -k '{}'",
        ),
        (
            &["run", "--", "sh", "-c", "gzip {}", ":::", "a"],
            "sh -c 'gzip -k \"$1\"' sh {}",
        ),
        (&["run", "-0", "list.txt"], "COMMAND"),
        (
            &["run", "optipng", "{}", ":::", "a"],
            "marionette run -- optipng {} ::: *.png",
        ),
        (&["run"], "<FILE>"),
    ] {
        refused(&sandbox.run(arguments), expected);
    }
    assert!(!sandbox.path("tasks.db").exists(), "nothing was stored");
}

#[test]
fn a_name_that_is_no_text_is_refused_and_shown() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["run", "--", "p", ":::"]);
    command.arg(OsStr::from_bytes(b"caf\xe9.png"));
    let said = said(command.output().expect("it starts"));
    refused(&said, "word 2 behind `--` is not UTF-8");
    assert!(said.err.contains("caf\\xe9.png"), "{}", said.err);
}

/// Names as a file can have them, and some that look like code.
fn names() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "$(touch pwned)",
        "`touch pwned`",
        "; touch pwned;",
        "' ; touch pwned '",
        "\"",
        "'",
        "\\",
        "\n",
        "\r",
        "\t",
        " ",
        "-",
        "--help",
        "{}",
        "{#}",
        "{.}",
        "*",
        "?",
        "~",
        "$HOME",
        "%s",
        "#",
        "&",
        "|",
        ">",
        "<",
        "!",
        "=",
        "\x1b[31m",
        "\u{202e}",
        "é",
        "世",
        "x",
        "a.b",
        ":::",
    ]);
    vec(odd, 1..6).prop_map(|pieces| format!("n{}", pieces.concat()))
}

/// The bytes of what `arguments` with the word `0` for each, as they arrived.
fn arrived(sandbox: &Sandbox) -> Vec<Vec<u8>> {
    let bytes = fs::read(sandbox.path("arrived")).unwrap_or_default();
    let mut arrived: Vec<_> = bytes.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    arrived.pop();
    arrived.sort();
    arrived
}

/// Each name arrives as it is, whether it is an item on the command line or comes through a pipe,
/// and what is printed of it is the same word for a shell.
#[test]
fn no_name_is_ever_code() {
    let config = ProptestConfig {
        cases: 12,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let mut runner = TestRunner::new(config);
    let lists = (vec(names(), 1..12), any::<bool>());
    let outcome = runner.run(&lists, |(mut names, is_piped)| {
        names.sort();
        names.dedup();
        let sandbox = Sandbox::new();
        let script = sandbox.write("note", "printf '%s\\0' \"$2\" >> \"$1\"\n");
        let words = ["sh", script.to_str().expect("it is text"), "arrived", "{}"];
        let run = |more: &[&str]| {
            let options = [&["run"], more].concat();
            if is_piped {
                let input = names.join("\0");
                return sandbox.run_with(
                    &[&options[..], &["-0", "--"], &words].concat(),
                    input.as_bytes(),
                );
            }
            let mut arguments = [&options[..], &["--"], &words, &[":::"]].concat();
            arguments.extend(names.iter().map(String::as_str));
            sandbox.run(&arguments)
        };
        let expected: Vec<_> = names.iter().map(|name| name.clone().into_bytes()).collect();
        let dry = run(&["--dry-run"]);
        assert_eq!(dry.status, Some(0), "{dry:?}");
        assert!(
            !dry.out
                .contains(|char: char| char.is_control() && char != '\n'),
            "{dry:?}"
        );
        // What was printed and is pasted into a shell does the same.
        let pasted = Command::new("bash")
            .args(["-c", &dry.out])
            .current_dir(sandbox.path(""))
            .status();
        assert!(pasted.expect("there is bash").success());
        assert_eq!(arrived(&sandbox), expected, "pasted: {}", dry.out);
        fs::remove_file(sandbox.path("arrived")).expect("it is there");
        let real = run(&["-j", "1", "-q"]);
        assert_eq!(real.status, Some(0), "{real:?}");
        assert_eq!(arrived(&sandbox), expected);
        assert!(!sandbox.path("pwned").exists());
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn files_of_every_name_come_through_find_and_a_pipe() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path("files");
    fs::create_dir(&folder).expect("it can be made");
    let names = [
        "-rf",
        "a\nb",
        "$(touch pwned)",
        "`id`",
        "'q'",
        "\"d\"",
        " ",
        "*",
        "{}",
        ":::",
    ];
    for name in names {
        fs::write(folder.join(OsString::from_vec(name.into())), "").expect("it can be made");
    }
    let find = Command::new("find")
        .arg("files")
        .args(["-type", "f", "-print0"])
        .current_dir(sandbox.path(""))
        .output()
        .expect("there is find");
    let said = sandbox.run_with(
        &["run", "-q", "-0", "--", "mv", "{}", "{}.done"],
        &find.stdout,
    );
    assert_eq!(said.status, Some(0), "{said:?}");
    for name in names {
        assert!(folder.join(format!("{name}.done")).exists(), "{name:?}");
    }
    assert!(!sandbox.path("pwned").exists());
}

#[test]
fn a_run_of_words_that_was_killed_goes_on_although_its_items_changed() {
    let sandbox = Sandbox::new();
    let script = sandbox.write(
        "work",
        "echo $1 >> log; test $1 != slow || test -e go || sleep 300\n",
    );
    let script = script.to_str().expect("it is text");
    let run = ["run", "-j", "1", "--", "sh", script, "{}", "{#}", ":::"];
    let mut first = sandbox.start(&[&run[..], &["a", "b", "slow", "z"]].concat());
    until("it is slow", || sandbox.read("log") == "a\nb\nslow\n");
    first.kill().expect("it runs");
    first.wait().expect("it ends");
    sandbox.write("go", "");
    // The same items for another command are other tasks.
    let other = sandbox.run(&["run", "-j", "1", "--", "sh", script, "{}", ":::", "a"]);
    assert_eq!(other.status, Some(0), "{other:?}");
    assert_eq!(sandbox.read("log"), "a\nb\nslow\na\n");
    let said = sandbox.run(&[&run[..], &["new", "z", "slow", "b", "a"]].concat());
    assert_eq!(said.status, Some(0), "{said:?}");
    // The end of the second may not have been stored yet, and still it did not run again.
    assert!(said.err.contains("going on: "), "{said:?}");
    let log = sandbox.read("log");
    let mut lines: Vec<_> = log.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["a", "a", "b", "new", "slow", "slow", "z"], "{log}");
}
