//! No file may become larger: `ulimit -f`.

use crate::common::Sandbox;
use crate::shell::{done, none_was_harmed, run};

/// How many bytes one unit of `ulimit -f` has in this shell.
fn unit(sandbox: &Sandbox) -> u64 {
    let script = "ulimit -f 1; trap '' XFSZ; head -c 5000 /dev/zero > unit 2>/dev/null; true";
    let mut shell = std::process::Command::new("sh");
    let shell = shell.args(["-c", script]).current_dir(sandbox.path(""));
    assert!(shell.status().expect("there is a shell").success());
    let unit = std::fs::metadata(sandbox.path("unit")).expect("it was made");
    unit.len()
}

#[test]
fn a_command_whose_output_is_too_large_for_a_file_goes_on() {
    let sandbox = Sandbox::new();
    let limit = 600_000 / unit(&sandbox);
    for (nth, verb) in ["work", "run"].into_iter().enumerate() {
        let command = "head -c 900000 /dev/zero | tr '\\0' a; echo ran >> log";
        sandbox.write("tasks.txt", command);
        let arguments: &[&str] = if verb == "work" {
            let added = sandbox.run(&["add", "--output", "2M", command]);
            assert_eq!(added.status, Some(0), "{added:?}");
            &["work", "--once"]
        } else {
            &["run", "tasks.txt"]
        };
        let said = run(&sandbox, &format!("ulimit -f {limit}"), arguments);
        assert_eq!(said.status, Some(0), "{said:?}");
        assert_eq!(sandbox.read("log").lines().count(), nth + 1, "{said:?}");
    }
}

#[test]
fn a_command_gets_the_signal_of_the_limit_as_by_a_shell() {
    let sandbox = Sandbox::new();
    let limit = 600_000 / unit(&sandbox);
    let added = sandbox.run(&["add", "dd if=/dev/zero of=large bs=100000 count=9"]);
    assert_eq!(added.status, Some(0), "{added:?}");
    let said = run(&sandbox, &format!("ulimit -f {limit}"), &["work", "--once"]);
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.out.contains("SIGXFSZ"), "{said:?}");
}

#[test]
fn what_cannot_be_stored_is_refused_with_the_limit_and_nothing_ends_by_a_signal() {
    let sandbox = Sandbox::new();
    let unit = unit(&sandbox);
    assert_eq!(sandbox.run(&["add", "echo ran >> log"]).status, Some(0));
    sandbox.write("tasks.txt", "echo ran >> log");
    for bytes in [4096, 16 * 1024, 32 * 1024, 64 * 1024] {
        let limit = format!("ulimit -f {}", bytes / unit);
        for verb in [
            &["add", "true"][..],
            &["run", "tasks.txt"],
            &["pause", "default"],
            &["resume", "default"],
        ] {
            let said = run(&sandbox, &limit, verb);
            let what = format!("{verb:?} with {bytes} bytes: {said:?}");
            assert!(matches!(said.status, Some(0..=2)), "{what}");
            if said.status == Some(2) {
                assert!(said.err.contains("(ulimit -f)"), "{what}");
                assert_eq!(said.err.lines().count(), 1, "{what}");
            }
            none_was_harmed(&sandbox, &what);
        }
        assert_eq!(sandbox.run(&["resume", "default"]).status, Some(0));
    }
}

#[test]
fn a_worker_whose_store_may_not_grow_says_so_and_ends_with_2() {
    let sandbox = Sandbox::new();
    let unit = unit(&sandbox);
    let lines: Vec<_> = (0..200).map(|nth| format!("echo {nth} >> log")).collect();
    sandbox.write("tasks.txt", &lines.join("\n"));
    assert_eq!(sandbox.run(&["add", "--file", "tasks.txt"]).status, Some(0));
    // The store has room for what it is now, and for little more.
    let store = std::fs::metadata(sandbox.path("tasks.db")).expect("it is there");
    let limit = format!("ulimit -f {}", (store.len() + 8192) / unit);
    let said = run(&sandbox, &limit, &["work", "--once"]);
    none_was_harmed(&sandbox, &format!("{said:?}"));
    match said.status {
        Some(0) => assert_eq!(done(&sandbox), 200, "{said:?}"),
        status => {
            assert_eq!(status, Some(2), "{said:?}");
            assert!(said.err.contains("(ulimit -f)"), "{said:?}");
        }
    }
    // Nothing is done twice once there is room.
    let said = sandbox.run(&["work", "--once"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert_eq!(done(&sandbox), 200);
}
