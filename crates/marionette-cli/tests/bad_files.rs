//! What is said of a file that is wrong: where, what, and what to write instead. Nothing of such a
//! file runs.

mod common;

use common::Sandbox;

/// What the program says of this file, without its own name.
fn told(name: &str, text: &str) -> String {
    let sandbox = Sandbox::new();
    sandbox.write(name, text);
    let said = sandbox.run(&["run", name]);
    assert_eq!(said.status, Some(2), "{said:?}");
    assert_eq!(said.out, "");
    assert!(!sandbox.path("tasks.db").exists(), "nothing was stored");
    let lines = said.err.lines().map(|line| {
        line.strip_prefix("marionette: ")
            .expect("every line says who speaks")
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check(name: &str, text: &str, expected: &str) {
    assert_eq!(told(name, text), expected);
}

#[test]
fn toml_that_is_none_is_told_with_its_line() {
    check(
        "a.toml",
        "[[task]]\nrun = \"true\nretries = 1\n",
        "a.toml:2: invalid basic string, expected `\"`",
    );
    check(
        "a.toml",
        "[[task]]\nrun = 'a'\nrun = 'b'\n",
        "a.toml:3: duplicate key",
    );
}

#[test]
fn unknown_keys_are_told_with_what_was_meant() {
    check(
        "a.toml",
        "[[task]]\nrun = 'true'\nretrys = 3\n\n[[task]]\nrun = 'a'\ntimout = '3s'\n",
        "a.toml:3: `retrys` is not a key of a task; did you mean `retries`?\n\
         a.toml:7: `timout` is not a key of a task; did you mean `timeout`?",
    );
    check(
        "a.toml",
        "[[tasks]]\nrun = 'true'\n",
        "a.toml:1: `tasks` is neither `[[task]]` nor `[defaults]`",
    );
    check(
        "a.toml",
        "[task]\nrun = 'true'\n",
        "a.toml:1: a task begins with `[[task]]`, in two pairs of brackets",
    );
    check(
        "a.toml",
        "[defaults]\nrun = 'true'\n",
        "a.toml:2: `run` is not a key of a task; there are cwd, env, retries, backoff, timeout, \
         give_up_after, expires, delay, at, priority, queue, grace, output",
    );
}

#[test]
fn every_value_that_is_wrong_is_told_with_what_to_write() {
    for (line, expected) in [
        (
            "retries = -1",
            r#"`retries`: "-1" is not a whole number from 0 to 1000000"#,
        ),
        (
            "retries = true",
            "`retries` must be a string, and is true or false",
        ),
        (
            "timeout = 90",
            r#"`timeout`: "90" has no unit; write it like `90s`, `90m`, `90h` or `90d`"#,
        ),
        ("timeout = '0s'", "`timeout`: it must be more than nothing"),
        (
            "delay = 'soon'",
            "`delay`: \"soon\" is not a duration; write it like `90s`, `10m`, `1h30m`, `2d` or \
             `250ms`",
        ),
        (
            "backoff = 'often'",
            "`backoff`: \"often\" is not a duration; write it like `90s`, `10m`, `1h30m`, `2d` or \
             `250ms`; a backoff is `none`, a pause like `10s`, or a range like `1s..5m`",
        ),
        (
            "at = 'noonish'",
            "`at`: \"noonish\" is not a time; write it like `18:00`, `tomorrow 06:00`, \
             `monday 06:00`, `2026-11-24 18:00` or `in 10m`",
        ),
        (
            "priority = 200",
            r#"`priority`: "200" is not a whole number from -128 to 127"#,
        ),
        (
            "grace = '1h'",
            r#"`grace`: "1h" is too long; the limit is 10m"#,
        ),
        (
            "output = 'much'",
            r#"`output`: "much" is not a size; write it like `64KiB`, `1MiB` or `512`"#,
        ),
        (
            "queue = 'a b'",
            "`queue`: the name `a b` has ' ', which is none of A–Z, a–z, 0–9, _ . : -",
        ),
        ("name = ''", "`name` is empty"),
        ("cwd = []", "`cwd` must be a string, and is a list"),
        ("env = 'A=b'", "`env` must be a table, and is a text"),
        (
            "env = { A = { form = 'env:B' } }",
            "`A` must be a string, `{ secret = \"…\" }` or `{ from = \"env:NAME\" }`",
        ),
        (
            "env = { A = { from = 'B' } }",
            "`from`: it is neither `env:NAME` nor `file:/PATH`",
        ),
        (
            "command = ['true']",
            "`run` and `command` exclude each other",
        ),
    ] {
        check(
            "a.toml",
            &format!("[[task]]\nrun = 'true'\n{line}\n"),
            &format!("a.toml:3: {expected}"),
        );
    }
}

#[test]
fn a_task_has_something_to_run() {
    check(
        "a.toml",
        "\n[[task]]\nname = 'nothing'\n",
        "a.toml:2: a task needs `run` (a line for the shell) or `command` (a list of words)",
    );
    check(
        "a.toml",
        "[[task]]\ncommand = []\n",
        "a.toml:2: `command` is empty; it begins with the program",
    );
    check(
        "a.toml",
        "[[task]]\nrun = 'true'\nat = '18:00'\ndelay = '1s'\n",
        "a.toml:4: `at` and `delay` exclude each other",
    );
}

#[test]
fn json_lines_are_told_with_their_lines() {
    check(
        "a.jsonl",
        "{\"run\": \"true\"}\n\n{\"run\": }\n[]\n{\"run\": \"true\", \"retires\": 1}\n",
        "a.jsonl:3: expected value in column 9\n\
         a.jsonl:4: a task must be a table, and is a list\n\
         a.jsonl:5: `retires` is not a key of a task; did you mean `retries`?",
    );
    check(
        "a.jsonl",
        "{\"run\": null}\n",
        "a.jsonl:1: `run` must be a string, and is null",
    );
}

#[test]
fn lines_are_told_with_their_numbers() {
    check(
        "a.txt",
        "true\nfalse \\\n",
        "a.txt:2: it ends with `\\`, and no line follows",
    );
    check(
        "a.txt",
        "true\0\n",
        "a.txt:1: it contains a zero byte; commands end with their lines. For names that end with \
         zero bytes: marionette run -0 -- COMMAND {}",
    );
}

#[test]
fn a_queue_is_not_for_run() {
    check(
        "a.toml",
        "[[task]]\nrun = 'true'\nqueue = 'mail'\n",
        "a.toml:1: `queue` is for `marionette add --file`; `run` has a queue of its own",
    );
}

#[test]
fn files_without_tasks_and_no_files_are_told() {
    check("a.txt", "# nothing\n\n", "a.txt has no task");
    check("a.toml", "", "a.toml has no task");
    let sandbox = Sandbox::new();
    let said = sandbox.run(&["run", "missing.txt"]);
    assert_eq!(said.status, Some(2));
    assert_eq!(
        said.err,
        "marionette: cannot read missing.txt: No such file or directory (os error 2)\n"
    );
    let said = sandbox.run(&["run", "."]);
    assert_eq!(
        said.err,
        "marionette: . is a folder; name a file of tasks\n"
    );
    std::fs::write(sandbox.path("latin.txt"), b"echo a\necho \xe9\n").expect("it can be written");
    let said = sandbox.run(&["run", "latin.txt"]);
    assert_eq!(said.err, "marionette: latin.txt:2: it is not UTF-8\n");
}

#[test]
fn no_more_than_twenty_faults_are_told() {
    let told = told("a.jsonl", &"[]\n".repeat(25));
    assert_eq!(told.lines().count(), 21);
    assert!(told.ends_with("… and 5 more"), "{told}");
}

#[test]
fn a_store_that_is_none_is_told() {
    let sandbox = Sandbox::new();
    sandbox.write("tasks.txt", "true\n");
    sandbox.write(
        "tasks.db",
        "this is no database, and it is long enough to be seen as such\n",
    );
    let said = sandbox.run(&["run", "tasks.txt"]);
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(said.err.contains("tasks.db"), "{said:?}");
    let said = sandbox.run(&["run", "--store", "mysql://localhost", "tasks.txt"]);
    assert_eq!(said.status, Some(2));
    assert!(
        said.err.contains("there is no kind of store `mysql`"),
        "{said:?}"
    );
}

#[test]
fn a_folder_that_cannot_be_written_is_told() {
    let sandbox = Sandbox::new();
    sandbox.write("tasks.txt", "true\n");
    // Permissions bind no administrator; that a file is no folder binds everybody.
    sandbox.write("file", "");
    let store = format!("sqlite:{}", sandbox.path("file/tasks.db").display());
    let said = sandbox.run(&["run", "--store", &store, "tasks.txt"]);
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(said.err.contains("cannot make the folder"), "{said:?}");
    let said = sandbox.run(&["run", "--store", "sqlite:/proc/tasks.db", "tasks.txt"]);
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(
        said.err.contains("cannot make the store /proc/tasks.db"),
        "{said:?}"
    );
}

#[test]
fn faults_in_the_defaults_do_not_hide_those_of_tasks() {
    check(
        "a.toml",
        "[defaults]\njobs = 8\nretries = 'x'\n\n[[task]]\nrun = 'true'\ncron = '* * * * *'\n\
         priority = 500\n\n[extra]\n",
        "a.toml:2: `jobs` is not a key of a task; how many run at once is said on the command \
         line: `marionette run -j 8 FILE`\n\
         a.toml:3: `retries`: \"x\" is not a whole number from 0 to 1000000\n\
         a.toml:7: `cron` is not a key of a task; a task runs once, there are no recurring ones in \
         this version; let cron start it: `0 2 * * * marionette run -q FILE`\n\
         a.toml:8: `priority`: \"500\" is not a whole number from -128 to 127\n\
         a.toml:10: `extra` is neither `[[task]]` nor `[defaults]`",
    );
}

#[test]
fn a_folder_that_is_not_there_is_told_when_the_file_is_read() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path("").join("nowhere");
    let folder = folder.display();
    for (name, text, line) in [
        ("a.toml", "[[task]]\nrun = 'true'\ncwd = 'nowhere'\n", 3),
        (
            "a.toml",
            "[defaults]\ncwd = 'nowhere'\n[[task]]\nrun = 'true'\n",
            2,
        ),
        (
            "a.jsonl",
            "{\"run\": \"true\", \"cwd\": \"./nowhere\"}\n",
            1,
        ),
    ] {
        sandbox.write(name, text);
        for verb in [&["run", name][..], &["add", "-f", name]] {
            let said = sandbox.run(verb);
            assert_eq!(said.status, Some(2), "{said:?}");
            let expected =
                format!("marionette: {name}:{line}: `cwd`: there is no folder {folder}\n");
            assert_eq!(said.err, expected);
        }
    }
    sandbox.write("a.toml", "[[task]]\nrun = 'true'\ncwd = '~/x'\n");
    let said = sandbox.run(&["run", "a.toml"]);
    assert!(
        said.err.contains("`~` is not understood here"),
        "{}",
        said.err
    );
}

#[test]
fn keys_of_other_tools_are_answered_with_what_to_write() {
    for (line, expected) in [
        ("cmd = 'true'", "`command = [\"program\", \"argument\"]`"),
        ("needs = ['a']", "`run = \"first && second\"`"),
        ("depends_on = 'a'", "`run = \"first && second\"`"),
        (
            "schedule = 'daily'",
            "let cron start it: `0 2 * * * marionette run -q FILE`",
        ),
        (
            "every = '1d'",
            "let cron start it: `0 2 * * * marionette run -q FILE`",
        ),
        ("working-directory = '/'", "write `cwd = \"…\"`"),
        ("environment = {}", "write `env = { NAME = \"value\" }`"),
        ("env = ['A=1']", "write `env = { NAME = \"value\" }`"),
        ("command = 'true'", "a line for the shell is `run`"),
        ("run = ['true']", "a list of words is `command`"),
        ("max_retries = 3", "write `retries = 3`"),
    ] {
        let told = told("a.toml", &format!("[[task]]\n{line}\n"));
        assert!(told.contains(expected), "{line}: {told}");
    }
}

#[test]
fn two_tasks_of_one_name_are_refused() {
    check(
        "a.toml",
        "[[task]]\nname = 'a'\nrun = 'true'\n[[task]]\nname = 'b'\nrun = 'true'\n[[task]]\n\
         name = 'a'\nrun = 'false'\n",
        "a.toml:7: the task in line 1 is called `a` as well",
    );
}

#[test]
fn misspelt_verbs_and_states_are_answered_with_what_is_meant() {
    let sandbox = Sandbox::new();
    for (arguments, expected) in [
        (&["rnu", "a.txt"][..], "marionette run"),
        (&["lits"], "list"),
        (&["list", "--state", "faild"], "'failed'"),
        (&["list", "--state", "quarantine"], "'quarantined'"),
    ] {
        let said = sandbox.run(arguments);
        assert_eq!(said.status, Some(2), "{said:?}");
        assert!(said.err.contains(expected), "{arguments:?}: {}", said.err);
    }
}

#[test]
fn what_is_too_long_for_any_command_is_refused_before_all_of_it_is_read() {
    let sandbox = Sandbox::new();
    let long = vec![b'x'; 17 * 1024 * 1024];
    for (arguments, told) in [
        (&["run", "-"][..], "line 1 is longer than 16 MiB, the limit"),
        (
            &["run", "--format", "jsonl", "-"],
            "line 1 is longer than 16 MiB, the limit",
        ),
        (
            &["run", "--format", "toml", "-"],
            "line 1 is longer than 16 MiB, the limit",
        ),
        (
            &["run", "--", "echo", "{}"],
            "item 1 is longer than 1 MiB, the limit",
        ),
        (
            &["run", "-0", "--", "echo", "{}"],
            "item 1 is longer than 1 MiB, the limit",
        ),
    ] {
        let said = sandbox.run_with(arguments, &long);
        assert_eq!(said.status, Some(2), "{arguments:?}: {said:?}");
        assert_eq!(said.err, format!("marionette: standard input: {told}\n"));
    }
    // Short lines, of which one command has too many.
    let lines = "x\n".repeat(1024 * 1024);
    for (name, text) in [
        ("a.toml", format!("[[task]]\nrun = \'\'\'{lines}\'\'\'\n")),
        ("a.txt", format!("echo '{lines}'\n")),
    ] {
        let path = sandbox.write(name, &text);
        let said = sandbox.run(&["run", &path.display().to_string()]);
        assert_eq!(said.status, Some(2), "{name}");
        assert!(
            said.err.contains("bytes; the limit is 1048576"),
            "{}",
            said.err
        );
        assert!(said.err.len() < 1_000, "{} bytes are said", said.err.len());
    }
}
