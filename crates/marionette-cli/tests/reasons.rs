//! Why a command failed, as `run` and `list` tell it.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use common::Sandbox;

/// The reason that the store keeps for this command.
fn reason_of(task: &serde_json::Value) -> String {
    let sandbox = Sandbox::new();
    for (name, mode) in [
        ("no-first-line", 0o755),
        ("not-executable", 0o644),
        ("windows", 0o755),
    ] {
        let text = if name == "windows" {
            "#!/bin/sh\r\ntrue\r\n"
        } else {
            "true\n"
        };
        let path = sandbox.write(name, text);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    }
    sandbox.write("a.jsonl", &task.to_string());
    let said = sandbox.run(&["run", "-q", "a.jsonl"]);
    assert_eq!(said.status, Some(1), "{said:?}");
    let listed = sandbox.run(&["list", "--all", "--json"]);
    let job: serde_json::Value = serde_json::from_str(&listed.out).expect("it is one object");
    let reason = job["reason"].as_str().expect("it failed").to_owned();
    let first = reason.split(['\n']).next().unwrap_or_default();
    assert!(
        said.out.contains(&first[..first.len().min(30)]),
        "{reason}: {said:?}"
    );
    reason
}

fn reason(line: &str) -> String {
    reason_of(&serde_json::json!({ "run": line }))
}

#[test]
fn the_reason_is_what_a_terminal_would_show_last() {
    for (line, expected) in [
        (
            "i=0; while [ $i -lt 3000 ]; do printf 'copied %d of 3000\\r' $i; i=$((i+1)); done \
             >&2; echo 'error: no space left' >&2; exit 4",
            "exit status 4: error: no space left",
        ),
        (
            "printf '1%%\\r50%%\\rerror: disk full' >&2; exit 1",
            "exit status 1: error: disk full",
        ),
        (
            "printf '\\033[1;31merror\\033[0m: red\\r\\n' >&2; exit 1",
            "exit status 1: error: red",
        ),
        (
            "printf '50%%\\b\\b\\bno \\n' >&2; exit 1",
            "exit status 1: no",
        ),
        (
            "printf 'bytes \\377\\000\\n' >&2; exit 1",
            "exit status 1: bytes \u{fffd}",
        ),
        (
            "printf 'error: x\\n50%%\\r\\033[K' >&2; exit 1",
            "exit status 1: error: x",
        ),
    ] {
        assert_eq!(reason(line), expected, "{line}");
    }
    let long =
        reason("printf 'start '; head -c 300000 /dev/zero | tr '\\0' x; printf ' end'; exit 1");
    assert!(long.starts_with("exit status 1: start xx"), "{long}");
    assert!(long.contains("x…x") && long.ends_with("xx end"), "{long}");
    assert!(long.len() < 600, "{} bytes", long.len());
}

#[test]
fn statuses_and_errors_of_the_system_are_told_in_words() {
    for (task, expected) in [
        (
            serde_json::json!({"run": "kill -PIPE $$; true"}),
            "killed by SIGPIPE (signal 13)",
        ),
        (
            serde_json::json!({"run": "sh -c 'kill -PIPE $$'; exit $?"}),
            "exit status 141 (128 + SIGPIPE)",
        ),
        (
            serde_json::json!({"command": ["./no-first-line"]}),
            "is run by: sh ./no-first-line",
        ),
        (
            serde_json::json!({"command": ["./not-executable"]}),
            "`chmod +x ./not-executable` allows it",
        ),
        (
            serde_json::json!({"command": ["./windows"]}),
            "a line end of Windows",
        ),
        (
            serde_json::json!({"command": ["./nowhere"]}),
            "cannot start: there is no program `./nowhere`",
        ),
        (
            serde_json::json!({"command": ["no-such-tool"], "env": {"PATH": "/nowhere:/bin"}}),
            "there is no program `no-such-tool` (PATH is `/nowhere:/bin`; `add --env PATH=…`",
        ),
        (
            serde_json::json!({"run": "no-such-tool", "env": {"PATH": "/usr/bin:/bin"}}),
            "no-such-tool: not found (PATH is `/usr/bin:/bin`; `add --env PATH=…`",
        ),
        (
            serde_json::json!({"run": "no-such-tool", "env": {"PATH": {"secret": "/bin:/usr"}}}),
            "(PATH is `***`;",
        ),
        (
            serde_json::json!({"run": "true", "env": {"TOKEN": {"from": "file:/nowhere"}}}),
            "cannot start: cannot look up TOKEN: /nowhere: No such file",
        ),
        (
            serde_json::json!({"run": "true", "env": {"TOKEN": {"from": "env:NO_SUCH_ONE"}}}),
            "cannot look up TOKEN: the worker has no usable NO_SUCH_ONE in its environment",
        ),
    ] {
        let reason = reason_of(&task);
        assert!(reason.contains(expected), "{task}: {reason}");
    }
}
