//! Hints for keys that other tools have and this one does not.

/// Keys of other tools, and what to write here.
const KNOWN: &[(&[&str], &str)] = &[
    (
        &["cmd", "exec", "program", "argv", "args"],
        "write `command = [\"program\", \"argument\"]` for words, or `run = \"…\"` for a line \
         for the shell",
    ),
    (
        &["script", "shell", "sh", "bash", "line", "entrypoint"],
        "write `run = \"…\"` for a line for the shell",
    ),
    (
        &[
            "cron",
            "schedule",
            "every",
            "interval",
            "repeat",
            "recurring",
            "daily",
            "hourly",
            "period",
        ],
        "a task runs once, there are no recurring ones in this version; let cron start it: \
         `0 2 * * * marionette run -q FILE`",
    ),
    (
        &[
            "needs",
            "need",
            "depends_on",
            "depends-on",
            "depends",
            "dependencies",
            "deps",
            "requires",
            "after",
            "before",
            "then",
        ],
        "tasks do not wait for each other in this version; join commands in one task: \
         `run = \"first && second\"`",
    ),
    (
        &[
            "working-directory",
            "working_directory",
            "working_dir",
            "workdir",
            "directory",
            "dir",
            "folder",
            "chdir",
        ],
        "write `cwd = \"…\"`",
    ),
    (
        &[
            "environment",
            "envs",
            "vars",
            "variables",
            "env_file",
            "env-file",
        ],
        "write `env = { NAME = \"value\" }`",
    ),
    (
        &["retry", "attempts", "tries", "max_retries", "max_attempts"],
        "write `retries = 3`",
    ),
    (
        &["when", "time", "date", "start", "start_at", "not_before"],
        "write `at = \"tomorrow 06:00\"` or `delay = \"10m\"`",
    ),
    (
        &["deadline", "max_time", "time_limit"],
        "write `timeout = \"10m\"` for each attempt, or `give_up_after = \"1d\"` for all",
    ),
    (
        &["id", "title", "label", "description"],
        "write `name = \"…\"`",
    ),
    (
        &["jobs", "parallel", "concurrency", "workers", "max_parallel"],
        "how many run at once is said on the command line: `marionette run -j 8 FILE`",
    ),
    (
        &[
            "on_failure",
            "on-failure",
            "on_success",
            "on_error",
            "notify",
        ],
        "there are no hooks in this version; the exit status of `marionette run` is 1 when a task \
         failed",
    ),
    (
        &["unique", "limit", "if", "user", "steps", "matrix"],
        "there is nothing like it in this version",
    ),
];

/// What to write instead of this key.
pub(super) fn for_key(key: &str) -> Option<&'static str> {
    let key = key.to_lowercase();
    let known = KNOWN.iter().find(|(keys, _)| keys.contains(&key.as_str()));
    known.map(|(_, hint)| *hint)
}
