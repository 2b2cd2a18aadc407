//! No more memory: `ulimit -v`.

use crate::common::Sandbox;
use crate::shell::{none_was_harmed, run};

#[test]
fn at_no_limit_of_memory_does_a_task_lose_an_attempt_or_is_the_worker_left_for_ever() {
    for verb in [
        &["work", "--once", "-j", "2"][..],
        &["run", "-j", "2", "tasks.txt"],
    ] {
        for megabytes in [8, 20, 40, 80, 160, 240, 320, 640] {
            let sandbox = Sandbox::new();
            sandbox.write("tasks.txt", "echo 1 >> log\necho 2 >> log");
            if verb[0] == "work" {
                let added = sandbox.run(&["add", "--file", "tasks.txt"]);
                assert_eq!(added.status, Some(0), "{added:?}");
            }
            let said = run(&sandbox, &format!("ulimit -v {}", megabytes * 1024), verb);
            let what = format!("{verb:?} with {megabytes} MiB: {said:?}");
            if sandbox.path("tasks.db").exists() {
                none_was_harmed(&sandbox, &what);
            }
            // With less the system cannot even load the program.
            if said.status.is_some_and(|status| status != 0) {
                assert!(!said.err.is_empty(), "{what}");
            }
        }
    }
}
