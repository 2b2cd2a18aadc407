//! Fuzzes files of tasks, times, places of stores, and stored commands.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use marionette::Payload;
use marionette::store::JobOptions;

use super::{fuzz, is_fit_to_print};
use crate::command::{Command, Veil};
use crate::console::text::{safe, safe_lines};
use crate::console::time::{
    parse_duration, parse_past_time, parse_time, show_duration, show_relative, show_time,
};
use crate::input::{
    self, Format, Options, Reader, parse_backoff, parse_grace, parse_name, parse_positive,
    parse_priority, parse_retries, parse_size, parse_variable,
};
use crate::store::location;

const TOML: [&[u8]; 3] = [
    b"retries = 3\nbackoff = '1s..5m'\n[[task]]\nname = 'a'\nrun = 'true | cat'\ntimeout = '10m'\n",
    b"[[task]]\ncommand = ['curl', { secret = 'hunter2' }, { from = 'env:TOKEN' }]\ncwd = '/tmp'\n\
      env = { A = 'b', C = { secret = 'd' } }\nqueue = 'mail'\npriority = -3\ngrace = '2s'\n",
    b"[[task]]\nrun = \"a\\u001bb\"\nat = '18:00'\ndelay = '1h'\nexpires = '2d'\noutput = '1M'\n",
];
const JSONL: [&[u8]; 2] = [
    b"{\"run\": \"true\", \"name\": \"a\", \"retries\": 2}\n\
      # a comment\n\n{\"command\": [\"ls\", \"-l\"]}\n",
    b"{\"command\": [\"curl\", {\"secret\": \"x\"}], \
      \"env\": {\"A\": \"\\u001b\"}, \"timeout\": \"5s\"}\n",
];
const LINES: [&[u8]; 3] = [
    b"# a list\ntrue\nls -l | wc -l # and more\n./a 'b c' \\\n  d\n",
    b"if true\nthen false\nfi\nfor a in b c; do echo $a; done\ncat <<E\nx\nE\n",
    b"#!/bin/sh\nset -e\ncd /tmp\n* * * * * root true\n",
];

/// A list of tasks is either refused in words that can be shown, or read as commands that can be
/// stored, shown and read back.
fn list(format: Option<Format>, corpus: &[&[u8]]) {
    let folder = tempfile::tempdir().expect("there is room");
    let path = folder.path().join("tasks");
    fuzz(corpus, |bytes| {
        fs::write(&path, bytes).expect("there is room");
        match input::read(&path, format, Reader::Run, Options::default()) {
            Ok(file) => {
                for task in &file.tasks {
                    is_fit_to_print(&safe(&task.command.typed(Path::new("/"))));
                    is_fit_to_print(&safe(&task.title()));
                    task.identity().expect("it is a command");
                    let stored = task.command.encode().expect("it can be stored");
                    let again = Command::decode(&stored).expect("it is read back");
                    assert_eq!(again, task.command);
                }
            }
            Err(error) => {
                let told = safe_lines(&format!("{error:#}"));
                is_fit_to_print(&told.replace(['\n', '\t'], ""));
                assert!(
                    told.len() < 64 * 1024 + 4 * bytes.len(),
                    "{} bytes",
                    told.len()
                );
            }
        }
    });
}

#[test]
fn any_toml_is_tasks_or_told_what_is_wrong() {
    list(Some(Format::Toml), &TOML);
}

#[test]
fn any_json_lines_are_tasks_or_told_what_is_wrong() {
    list(Some(Format::Jsonl), &JSONL);
}

#[test]
fn any_lines_are_tasks_or_told_what_is_wrong() {
    list(Some(Format::Lines), &LINES);
}

#[test]
fn any_file_is_guessed_at() {
    list(None, &[LINES[0], LINES[1], LINES[2], TOML[0], JSONL[0]]);
}

#[test]
fn any_time_and_any_number_is_read_or_refused() {
    let corpus: [&[u8]; 12] = [
        b"tomorrow 06:00",
        b"6pm friday",
        b"2026-11-24 18:00 Europe/Berlin",
        b"jul 31 2027 10am",
        b"in 10 minutes",
        b"now + 1 hour",
        b"@1796000000",
        b"2026-11-24T18:00:00Z",
        b"1h 30m",
        b"1s..5m",
        b"10MiB",
        b"day after tomorrow 00:00 +02:00",
    ];
    let now: Timestamp = "2026-10-25T00:30:00Z".parse().expect("it is a time");
    let zone = TimeZone::get("Europe/Berlin").expect("it is known");
    let now = now.to_zoned_datetime(zone);
    fuzz(&corpus, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(when) = parse_time(&text, &now) {
            is_fit_to_print(&show_time(when.time, &now));
            is_fit_to_print(&show_relative(when.time, SystemTime::UNIX_EPOCH));
        }
        let _ = parse_past_time(&text, &now);
        if let Ok(duration) = parse_duration(&text) {
            let shown = show_duration(duration);
            let again = parse_duration(&shown).expect("what is shown is read");
            assert_eq!(show_duration(again), shown, "and means the same");
        }
        let _ = (
            parse_positive(&text),
            parse_backoff(&text),
            parse_grace(&text),
        );
        let _ = (
            parse_size(&text),
            parse_retries(&text),
            parse_priority(&text),
        );
        let _ = (parse_name(&text), parse_variable(&text));
    });
}

#[test]
fn any_place_of_a_store_is_a_path_or_refused() {
    let corpus: [&[u8]; 5] = [
        b"sqlite:~/a/b.db",
        b"sqlite:///srv/tasks.db",
        b"mysql://host/db",
        b"file:x.db?mode=ro",
        b"sqlite:my%20jobs.db",
    ];
    fuzz(&corpus, |bytes| {
        if let Err(error) = location::path(Some(OsStr::from_bytes(bytes))) {
            is_fit_to_print(&format!("{error:#}"));
        }
    });
}

#[test]
fn any_payload_and_any_options_of_a_job_are_read_or_refused() {
    let corpus: [&[u8]; 3] = [
        br#"{"command":["curl",{"secret":"hunter 2"},{"from":"env:A"}],"cwd":"/","env":{"A":"b"}}"#,
        br#"{"run":"true","cwd":"/tmp","grace":{"secs":1,"nanos":0},"output_bytes":5}"#,
        br#"{"backoff":{"Constant":{"pause":{"secs":1,"nanos":0}}},"timeout":{"secs":9}}"#,
    ];
    fuzz(&corpus, |bytes| {
        if let Ok(command) = Command::decode(bytes) {
            Veil::stored(&command);
            command.shown();
            command.typed(Path::new("/"));
            let stored = command.encode().expect("it can be stored");
            assert_eq!(Command::decode(&stored).expect("it is read back"), command);
        }
        if let Ok(options) = serde_json::from_slice::<JobOptions>(bytes) {
            let stored = serde_json::to_vec(&options).expect("they can be stored");
            let again: JobOptions = serde_json::from_slice(&stored).expect("they are read back");
            assert_eq!(serde_json::to_vec(&again).expect("as above"), stored);
        }
    });
}
