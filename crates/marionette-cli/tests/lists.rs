//! What is a list of commands and what is none, and that every way in gives the same answer.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use common::{Sandbox, said};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, prop};
use proptest::test_runner::TestRunner;

const SCRIPT: &str = "#!/bin/sh\nset -e\ncd victim\nrm -f ./*.txt\n";

#[test]
fn a_script_is_refused_with_the_line_to_write() {
    let sandbox = Sandbox::new();
    sandbox.write("precious.txt", "precious");
    for (name, text, instead) in [
        ("clean.sh", SCRIPT, "marionette add -- /bin/sh ./clean.sh"),
        ("clean", SCRIPT, "marionette add -- /bin/sh ./clean"),
        ("clean.txt", &SCRIPT[10..], "marionette add -- sh FILE"),
        ("a b.bash", "true\n", "marionette add -- bash './a b.bash'"),
        ("x.py", "import os\n", "marionette add -- python3 ./x.py"),
        (
            "x.ps1",
            "Remove-Item *.txt\n",
            "marionette add -- pwsh ./x.ps1",
        ),
        ("x.bat", "del *.txt\r\n", "marionette add -- cmd /c ./x.bat"),
        (
            "Makefile",
            "all:\n\ttrue\n",
            "marionette add -- make -f ./Makefile",
        ),
        (
            "GNUmakefile",
            "all:\n\ttrue\n",
            "marionette add -- make -f ./GNUmakefile",
        ),
        (
            "rules",
            "all: a b\n\ttrue\n",
            "marionette add -- make -f ./rules",
        ),
        (
            "justfile",
            "all:\n  true\n",
            "marionette add -- just -f ./justfile",
        ),
        ("x.rb", "puts 1\n", "marionette add -- ruby ./x.rb"),
    ] {
        sandbox.write(name, text);
        for verb in [&["run", name][..], &["add", "-f", name]] {
            let said = sandbox.run(verb);
            assert_eq!(said.status, Some(2), "{name}: {said:?}");
            assert!(said.err.contains(instead), "{name}: {}", said.err);
            assert!(said.err.contains("--format lines"), "{}", said.err);
            let insists = format!("of its own: marionette {} --format lines ", verb[0]);
            let is_told =
                !said.err.contains("of its own: marionette") || said.err.contains(&insists);
            assert!(is_told, "{}", said.err);
            assert!(
                said.err
                    .lines()
                    .all(|line| line.starts_with("marionette: "))
            );
        }
    }
    assert_eq!(sandbox.read("precious.txt"), "precious");
    assert!(!sandbox.path("tasks.db").exists(), "nothing was stored");
}

#[test]
fn a_script_that_can_run_by_itself_is_named_as_it_is() {
    let sandbox = Sandbox::new();
    fs::copy("/bin/sh", sandbox.path("tool")).expect("it is there");
    let said = sandbox.run(&["run", "./tool"]);
    assert_eq!(
        said.err,
        "marionette: ./tool is a program, not a list of commands; to run it as one task: \
         marionette add -- ./tool\n"
    );
    let path = sandbox.write("clean.sh", SCRIPT);
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let said = sandbox.run(&["run", "clean.sh"]);
    assert_eq!(
        said.err,
        "marionette: clean.sh is a script, not a list of commands; nothing was run\n\
         marionette: to run it as one task: marionette add -- ./clean.sh\n\
         marionette: if each line is a command of its own: marionette run --format lines clean.sh\n"
    );
    for verb in [
        &["run", "-"][..],
        &["run", "/dev/stdin"],
        &["add", "-f", "-"],
    ] {
        let said = sandbox.run_with(verb, SCRIPT.as_bytes());
        assert_eq!(said.status, Some(2), "{said:?}");
        assert!(
            said.err.contains("marionette add -- /bin/sh FILE"),
            "{}",
            said.err
        );
    }
}

#[test]
fn other_files_are_refused_by_their_names_and_by_what_is_in_them() {
    let sandbox = Sandbox::new();
    for (name, text, what) in [
        ("ci.yml", "tasks:\n  - run: true\n", "YAML"),
        ("x.yaml", "", "YAML"),
        ("list", "jobs:\n  a:\n    run: true\n", "YAML"),
        ("list", "---\n- true\n", "YAML"),
        ("list", "- name: a\n", "YAML"),
        ("a.json", "{\"run\": \"true\"}\n", "--format jsonl a.json"),
        ("list", "{\"run\": \"true\"}\n", "--format jsonl list"),
        (
            "list",
            "[\n  {\"run\": \"true\"}\n]\n",
            "--format jsonl list",
        ),
        (
            "list",
            "# tasks\n\n[[task]]\nrun = 'true'\n",
            "--format toml list",
        ),
        ("list", "[Unit]\nDescription=x\n", "--format toml list"),
        ("Dockerfile", "RUN true\n", "a Dockerfile"),
        ("Dockerfile.dev", "RUN true\n", "a Dockerfile"),
        ("list", "FROM debian\nRUN true\n", "a Dockerfile"),
        ("crontab", "true\n", "a crontab"),
        ("list", "# m h\n0 2 * * * tar c .\n", "a crontab"),
        ("list", "@daily tar c .\n", "a crontab"),
        ("README.md", "# A\n\ntext\n", "a document"),
        ("list", "CC := gcc\n", "a file of settings"),
        ("x.cfg", "true\n", "a file of settings"),
        ("list", "from os import *\nremove('x')\n", "a script"),
        ("x.csv", "a,b\n", "data"),
        ("list", "import os\nos.remove('x')\n", "a script"),
        ("list", "<?php\nunlink('x');\n", "a script"),
        ("list", "<html>\n", "a document"),
        ("list", "@echo off\r\ndel *.txt\r\n", "a script"),
        ("list", "const fs = require('fs')\n", "a script"),
        ("list", "use strict;\n", "a script"),
        ("list", "diff --git a/x b/x\n", "data"),
    ] {
        sandbox.write(name, text);
        let said = sandbox.run(&["run", name]);
        assert_eq!(said.status, Some(2), "{name}: {said:?}");
        assert!(said.err.contains(what), "{name}, {text}: {}", said.err);
        assert!(said.err.contains("--format lines"), "{}", said.err);
    }
}

#[test]
fn a_line_of_use_in_a_script_alone_is_refused() {
    let sandbox = Sandbox::new();
    for line in [
        "cd victim",
        "cd victim;",
        "set -e",
        "export A=b",
        "A=b",
        ". ./env",
        "source env",
        "if true; then",
        "fi",
        "for x in a b; do",
        "done",
        "f() {",
        "}",
        "esac",
        "A=b C=d",
        "A=\"b c\"",
        "A='b c' # d",
        "A=$(mktemp -d)",
        "A+=(b c)",
        "A=`date +%s`; B=c;",
        "cd victim || exit 1",
        "cd victim 2>&1",
        "cd victim > /dev/null 2>&1 || exit",
        "cd \"$(dirname \"$0\")\" || { echo no; exit 1; }",
        "mkdir -p victim && cd victim",
        "[ -d victim ] && cd victim || exit 1",
        "set -e; cd victim",
        "command cd victim",
        "read -r name < names",
        "exec > log 2>&1",
        "rm -rf \"$1\"/*",
        "for f in \"$@\"; do rm \"$f\"; done",
        "[ $# -eq 1 ] || exit 1",
        "all: build",
        "while true",
        "true &&",
        "true |",
    ] {
        sandbox.write("list.txt", &format!("touch ran\n{line}\ntouch ran\n"));
        let said = sandbox.run(&["run", "list.txt"]);
        assert_eq!(said.status, Some(2), "{line}: {said:?}");
        assert!(
            said.err.starts_with("marionette: list.txt:2: "),
            "{line}: {}",
            said.err
        );
    }
    assert!(!sandbox.path("ran").exists());
    sandbox.write(
        "list.txt",
        "cd / && true\nA=b true\nif true; then true; fi\nfor x in a; do true; done\n{ true; }\n\
         [ -e / ]\necho {\n[[ -e / ]] || true\nexport A=b; true\n(cd / && true)\ntest a = a\n\
         cd / || exit 1; true\nset -- a; test $1 = a\nexec true\n: a: b\nA=\"b c\" true\n\
         echo a | { read -r x; test $x = a; }\nawk 'BEGIN { print $1 }'\ntest 1 = 1 || exit 3\n\
         true & true; wait\n",
    );
    let said = sandbox.run(&["run", "-q", "list.txt"]);
    assert_eq!(said.status, Some(0), "{said:?}");
}

#[test]
fn who_says_that_it_is_a_list_is_believed() {
    let sandbox = Sandbox::new();
    sandbox.write("clean.sh", "#!/bin/sh\necho ran >> log\ncd /\n");
    let said = sandbox.run(&["run", "--format", "lines", "clean.sh"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert_eq!(sandbox.read("log"), "ran\n");
    sandbox.write("a.json", "{\"run\": \"echo json >> log\"}\n");
    let said = sandbox.run(&["run", "--format", "jsonl", "a.json"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert_eq!(sandbox.read("log"), "ran\njson\n");
}

/// A command as it stands in each format.
fn in_formats(command: &str) -> [(&'static str, String); 3] {
    let json = serde_json::json!({ "run": command });
    [
        ("a.txt", format!("{command}\n")),
        ("a.jsonl", format!("{json}\n")),
        (
            "a.toml",
            format!("[[task]]\nrun = {}\n", serde_json::json!(command)),
        ),
    ]
}

#[test]
fn marks_line_ends_and_a_missing_last_one_change_nothing() {
    let sandbox = Sandbox::new();
    for (name, text) in in_formats("echo ran >> log") {
        let variants = [
            text.clone(),
            format!("\u{feff}{text}"),
            text.replace('\n', "\r\n"),
            format!("\u{feff}{}", text.replace('\n', "\r\n")),
            text.trim_end().to_owned(),
            format!("# a comment\n{text}").replace("# a comment\n{", "\n{"),
        ];
        let format = name.rsplit('.').next().expect("it has an extension");
        let format = format.replace("txt", "lines");
        for text in variants {
            sandbox.write(name, &text);
            for verb in [
                &["run", "-q", "--anew", name][..],
                &["run", "-q", "--anew", "--format", &format, "-"],
            ] {
                let said = sandbox.run_with(verb, text.as_bytes());
                assert_eq!(said.status, Some(0), "{name} {text:?}: {said:?}");
                assert_eq!(sandbox.read("log"), "ran\n", "{name} {text:?}");
                fs::remove_file(sandbox.path("log")).expect("it is there");
            }
        }
        // Only one mark is one, and only at the start.
        sandbox.write(name, &format!("\u{feff}\u{feff}{text}"));
        let said = sandbox.run(&["run", "-q", name]);
        assert_ne!(said.status, Some(0), "{said:?}");
        assert_eq!(sandbox.read("log"), "");
    }
}

#[test]
fn other_encodings_are_refused_everywhere() {
    let sandbox = Sandbox::new();
    for (name, text) in in_formats("echo é") {
        let utf16 = |units: &dyn Fn(u16) -> [u8; 2]| {
            let text = format!("\u{feff}{text}");
            text.encode_utf16().flat_map(units).collect::<Vec<_>>()
        };
        let latin: Vec<u8> = text
            .chars()
            .map(|char| u8::try_from(u32::from(char)).expect("it is Latin-1"))
            .collect();
        for (bytes, expected) in [
            (
                utf16(&u16::to_le_bytes),
                ":1: it is UTF-16; save it as UTF-8",
            ),
            (
                utf16(&u16::to_be_bytes),
                ":1: it is UTF-16; save it as UTF-8",
            ),
            (
                utf16(&u16::to_le_bytes)[2..].to_vec(),
                ":1: it is UTF-16 without a byte order mark",
            ),
            (latin, ": it is not UTF-8"),
        ] {
            fs::write(sandbox.path(name), &bytes).expect("it can be written");
            for verb in [&["run", name][..], &["run", "-"], &["add", "-f", name]] {
                let said = sandbox.run_with(verb, &bytes);
                assert_eq!(said.status, Some(2), "{said:?}");
                assert!(said.err.contains(expected), "{}", said.err);
            }
        }
    }
}

#[test]
fn an_empty_command_is_refused_everywhere() {
    let sandbox = Sandbox::new();
    for arguments in [
        &["add", ""][..],
        &["add", "--", ""],
        &["add", "  "],
        &["add", "\t\n"],
        &["add", "# nothing"],
        &["add", "--", "", "a"],
        &["add", "--", " ", "a"],
        &["run", "--", "", ":::", "a"],
        &["run", "--", "{}", ":::", "a", ""],
    ] {
        let said = sandbox.run(arguments);
        assert_eq!(said.status, Some(2), "{arguments:?}: {said:?}");
        assert!(
            said.err.contains("the command is empty"),
            "{arguments:?}: {}",
            said.err
        );
    }
    for (name, text) in [
        ("a.toml", "[[task]]\nrun = ''\n"),
        ("a.toml", "[[task]]\nrun = '# x'\n"),
        ("a.toml", "[[task]]\ncommand = ['', 'a']\n"),
        ("a.toml", "[[task]]\ncommand = [' ']\n"),
        ("a.toml", "[[task]]\ncommand = [{secret = ''}]\n"),
        ("a.jsonl", "{\"run\": \" \"}\n"),
        ("a.jsonl", "{\"command\": [\"\"]}\n"),
    ] {
        sandbox.write(name, text);
        for verb in [&["run", name][..], &["add", "-f", name]] {
            let said = sandbox.run(verb);
            assert_eq!(said.status, Some(2), "{text}: {said:?}");
            assert!(said.err.contains("is empty"), "{text}: {}", said.err);
        }
    }
    assert!(!sandbox.path("tasks.db").exists(), "nothing was stored");
}

#[test]
fn what_the_system_cannot_start_is_refused_when_it_is_read() {
    let sandbox = Sandbox::new();
    let fits = format!(": {}", "x".repeat(131_069));
    for (name, text) in in_formats(&fits) {
        sandbox.write(name, &text);
        let said = sandbox.run(&["run", "-q", name]);
        assert_eq!(said.status, Some(0), "{name}: {said:?}");
    }
    for (name, text) in in_formats(&format!("{fits}x")) {
        sandbox.write(name, &text);
        for verb in [&["run", name][..], &["add", "-f", name]] {
            let said = sandbox.run(verb);
            assert_eq!(said.status, Some(2), "{name}: {said:?}");
            assert!(
                said.err
                    .contains("has 131072 bytes; the system takes 131071"),
                "{}",
                said.err
            );
        }
    }
    let word = "x".repeat(131_071);
    sandbox.write(
        "a.jsonl",
        &serde_json::json!({ "command": ["true", word] }).to_string(),
    );
    assert_eq!(sandbox.run(&["run", "-q", "a.jsonl"]).status, Some(0));
    sandbox.write(
        "a.jsonl",
        &serde_json::json!({ "command": ["true", format!("{word}x")] }).to_string(),
    );
    let said = sandbox.run(&["run", "a.jsonl"]);
    assert!(
        said.err
            .contains("a.jsonl:1: word 1 of the command has 131072 bytes"),
        "{}",
        said.err
    );
    let words = vec!["x"; 700_000];
    sandbox.write(
        "a.jsonl",
        &serde_json::json!({ "command": words }).to_string(),
    );
    let said = sandbox.run(&["run", "a.jsonl"]);
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(
        said.err.contains("together the system takes "),
        "{}",
        said.err
    );
}

#[test]
fn a_pipe_by_any_name_is_read_as_standard_input_is() {
    let sandbox = Sandbox::new();
    let run = |script: &str| {
        let mut command = Command::new("bash");
        let program = sandbox.command(&[]);
        for (name, value) in program.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        let said = said(
            command
                .args(["-c", script, env!("CARGO_BIN_EXE_marionette")])
                .current_dir(sandbox.path(""))
                .output()
                .expect("there is bash"),
        );
        assert_eq!(said.status, Some(0), "{script}: {said:?}");
        let log = sandbox.read("log");
        fs::remove_file(sandbox.path("log")).expect("it is there");
        log
    };
    sandbox.write("list.txt", "echo file >> log\n");
    assert_eq!(run("\"$0\" run -q <(echo 'echo a >> log')"), "a\n");
    assert_eq!(
        run("echo 'echo b >> log' | \"$0\" run -q /dev/stdin"),
        "b\n"
    );
    assert_eq!(run("\"$0\" run -q /dev/stdin < list.txt"), "file\n");
    assert_eq!(
        run("\"$0\" run -q /proc/self/fd/0 <<< 'echo c >> log'"),
        "c\n"
    );
    assert_eq!(
        run("mkfifo fifo && { echo 'echo d >> log' > fifo & \"$0\" run -q fifo; }"),
        "d\n"
    );
}

/// Texts of what decides where a command ends. Each line of them says its words.
fn texts() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "a",
        "b",
        " ",
        "  ",
        "\t",
        "\\",
        "\\\\",
        "'",
        "\"",
        "#",
        " #",
        "\n",
        "\\\n",
        "\\ ",
        "$(p x)",
        "\"$(p \"it's\")\"",
        "${q#'}'}",
        "`p y`",
        "\\'",
        "\\\"",
        ";p z",
        "$((1 << 2))",
    ]);
    let line = vec(pieces, 0..8).prop_map(|pieces| format!("p {}", pieces.concat()));
    vec(line, 1..6).prop_map(|lines| lines.join("\n") + "\n")
}

/// What is one command for a shell is one here, and with CRLF it is the same. What a shell cannot
/// read is refused, or fails as it does there.
#[test]
fn lines_are_joined_as_a_shell_joins_them() {
    let sandbox = Sandbox::new();
    // Says how many words it has, and which.
    let words = sandbox.write(
        "p",
        "#!/bin/sh\nprintf '%s' $#; printf '[%s]' \"$@\"; echo\n",
    );
    fs::set_permissions(words, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let path = format!(
        "{}:{}",
        sandbox.path("").display(),
        std::env::var("PATH").expect("it is set")
    );
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        let output = command.args(["-c", script]).env("PATH", &path).output();
        output.expect("there is a shell")
    };
    let commands = |text: &str| {
        sandbox.write("list.txt", text);
        let said = sandbox.run(&[
            "run",
            "--dry-run",
            "--json",
            "--format",
            "lines",
            "list.txt",
        ]);
        (said.status == Some(0)).then(|| {
            let lines = said.out.lines().map(|line| {
                let value: serde_json::Value = serde_json::from_str(line).expect("it is JSON");
                value["run"].as_str().expect("it is a line").to_owned()
            });
            lines.collect::<Vec<_>>()
        })
    };
    let config = ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let outcome = TestRunner::new(config).run(&texts(), |text| {
        let expected = shell(&text);
        if String::from_utf8_lossy(&expected.stderr).contains("yntax error") {
            return Ok(());
        }
        let Some(commands_here) = commands(&text) else {
            // Only what a shell forgives at the very end is refused here.
            let end = text.trim_end_matches('\n');
            assert!(end.ends_with('\\'), "{text:?} is refused");
            return Ok(());
        };
        let outputs = commands_here.iter().map(|command| shell(command).stdout);
        assert_eq!(
            String::from_utf8_lossy(&outputs.collect::<Vec<_>>().concat()),
            String::from_utf8_lossy(&expected.stdout),
            "{text:?} as {commands_here:?}"
        );
        assert_eq!(commands(&text.replace('\n', "\r\n")), Some(commands_here));
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
