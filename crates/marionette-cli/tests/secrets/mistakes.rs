//! A secret that was written where it does not belong is not repeated in what is said of that.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use crate::common::{Sandbox, said};
use crate::values::noise;

#[test]
fn arguments_that_are_refused_are_not_repeated_if_they_may_be_secrets() {
    let sandbox = Sandbox::new();
    let secret = noise(31, 20);
    let variable = format!("TOKEN={secret}");
    let source = format!("TOKEN=env:A={secret}");
    let option = format!("--token={secret}");
    for arguments in [
        &["--env-from", &variable, "true"][..],
        &["--env-from", &secret, "true"],
        &["--env-from", &source, "true"],
        &["--env", &format!("={secret}"), "true"],
        &["--secret", &secret, "true"],
        &["--secret", &format!("1={secret}"), "true"],
        &["--secret", "9", "--", "true", &secret],
        &["--secret", "1", "curl", &option],
    ] {
        let refused = sandbox.run(&[&["add"], arguments].concat());
        assert_eq!(refused.status, Some(2), "{refused:?}");
        assert!(!refused.err.contains(&secret), "{refused:?}");
    }
    let mut command = sandbox.command(&["add", "--secret", "1", "--", "echo"]);
    command.arg(OsString::from_vec([secret.as_bytes(), b"\xff"].concat()));
    let refused = said(command.output().expect("the program starts"));
    assert!(refused.err.contains("argument number 6"), "{refused:?}");
    assert!(!refused.err.contains(&secret), "{refused:?}");
}

#[test]
fn a_file_that_is_refused_is_not_quoted_where_a_secret_stands() {
    let sandbox = Sandbox::new();
    let secret = noise(32, 20);
    let toml = format!("[[task]]\ncommand = [\"echo\", {{ secret = \"{secret}\" }}]\n");
    let json = format!("{{\"command\":[\"echo\",{{\"secret\":\"{secret}\"}}]}}\n");
    let mut refused = 0;
    for (name, text) in [("a.toml", toml), ("a.jsonl", json)] {
        // Each character in its turn is missing, or is another one.
        for (at, char) in text.char_indices() {
            for instead in ["", "\"", "\\", "\n", "{", "=", "1"] {
                // Within the secret there is more than one way to write it.
                if secret.contains(char) && !instead.is_empty() {
                    continue;
                }
                let (before, behind) = (&text[..at], &text[at + 1..]);
                sandbox.write(name, &format!("{before}{instead}{behind}"));
                let said = sandbox.run(&["run", "--dry-run", name]);
                refused += usize::from(said.status == Some(2));
                for text in [&said.out, &said.err] {
                    let piece = &secret[2..18];
                    assert!(!text.contains(piece), "{before}{instead}{behind}: {said:?}");
                }
            }
        }
    }
    assert!(refused > 50, "{refused} were refused");
    for (name, text, told) in [
        (
            "b.toml",
            format!("[[task]]\nrun = \"true\"\nenv = {{ A = {{ from = \"{secret}\" }} }}\n"),
            3,
        ),
        (
            "b.jsonl",
            format!("{{\"run\":\"true\",\"env\":{{\"A\":{{\"from\":\"{secret}\"}}}}}}"),
            1,
        ),
    ] {
        sandbox.write(name, &text);
        let said = sandbox.run(&["run", name]);
        assert_eq!(
            said.err,
            format!(
                "marionette: {name}:{told}: `from`: it is neither `env:NAME` nor `file:/PATH`\n"
            )
        );
    }
}

#[test]
fn a_secret_that_is_too_short_to_be_found_is_told_when_it_is_added() {
    let sandbox = Sandbox::new();
    let note = "a secret of fewer than 4 characters is not taken out of what its command prints";
    for (word, is_short) in [("abc", true), ("", true), ("abcd", false), ("äöü", true)] {
        let added = sandbox.run(&["add", "--secret", "1", "--", "echo", word]);
        assert_eq!(added.err.contains(note), is_short, "{word}: {added:?}");
    }
}
