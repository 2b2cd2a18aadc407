//! No room for another open file: `ulimit -n`.

use crate::common::{Sandbox, signal, until};
use crate::shell::{done, jobs, limited, none_was_harmed, run};

const TASKS: usize = 4;

fn filled() -> Sandbox {
    let sandbox = Sandbox::new();
    let lines: Vec<_> = (0..TASKS).map(|nth| format!("echo {nth} >> log")).collect();
    sandbox.write("tasks.txt", &lines.join("\n"));
    sandbox
}

#[test]
fn at_no_limit_of_open_files_does_a_task_lose_an_attempt_or_is_left_without_a_word() {
    for verb in [
        &["work", "--once", "-j", "4"][..],
        &["work", "--until-idle", "-j", "4"],
        &["run", "-j", "4", "tasks.txt"],
    ] {
        // With each of the first few another thing is the one that finds no room.
        for files in (5..12).chain((12..40).step_by(4)) {
            let sandbox = filled();
            if verb[0] == "work" {
                let added = sandbox.run(&["add", "--file", "tasks.txt"]);
                assert_eq!(added.status, Some(0), "{added:?}");
            }
            let said = run(&sandbox, &format!("ulimit -n {files}"), verb);
            let what = format!("{verb:?} with {files} files: {said:?}");
            none_was_harmed(&sandbox, &what);
            match said.status {
                Some(0) => assert_eq!(done(&sandbox), TASKS, "{what}"),
                Some(2) => {
                    let is_told = said.err.contains("(ulimit -n)");
                    // Until the program itself has begun, the system says it.
                    let is_early = said.err.contains("error while loading shared libraries");
                    assert!(is_told || is_early, "{what}");
                }
                // So ends what cannot load its libraries.
                Some(127) => assert!(files < 12, "{what}"),
                _ => panic!("{what}"),
            }
        }
    }
}

#[test]
fn a_worker_without_files_says_its_limit_and_goes_on_when_there_are_more() {
    let sandbox = filled();
    let added = sandbox.run(&["add", "--file", "tasks.txt"]);
    assert_eq!(added.status, Some(0), "{added:?}");
    assert_eq!(sandbox.run(&["pause", "default"]).status, Some(0));
    let notes = std::fs::File::create(sandbox.path("notes")).expect("it can be made");
    let mut worker = limited(&sandbox, "true", &["work", "-j", "4"]);
    let worker = worker.stderr(notes).spawn().expect("it starts");
    until("it works", || sandbox.read("notes").contains("working on"));
    let process = rustix::process::Pid::from_child(&worker);
    let files = |limit| {
        let mut files = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        files.current = Some(limit);
        rustix::process::prlimit(Some(process), rustix::process::Resource::Nofile, files)
            .expect("it is ours");
    };
    files(5);
    assert_eq!(sandbox.run(&["resume", "default"]).status, Some(0));
    until("it is told", || {
        sandbox.read("notes").contains("the limit is 5 (ulimit -n)")
    });
    none_was_harmed(&sandbox, "meanwhile");
    assert_eq!(sandbox.read("log"), "");
    files(1024);
    until("all have run", || done(&sandbox) == TASKS);
    assert_eq!(sandbox.read("log").lines().count(), TASKS);
    assert_eq!(jobs(&sandbox).len(), TASKS);
    signal(worker.id(), rustix::process::Signal::TERM);
    let ended = worker.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0));
}
