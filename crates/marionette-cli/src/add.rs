//! `marionette add`: puts commands into the store.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use marionette::TaskId;
use marionette::store::{Due as Stored, NewJob};
use serde_json::json;

use crate::args::Add;
use crate::command::{Command, Secret, Text, What};
use crate::common::Common;
use crate::console::Console;
use crate::console::clock;
use crate::console::text;
use crate::console::time::{show_duration, show_relative, show_time};
use crate::input::to_job::{self, DEFAULT_QUEUE};
use crate::input::{self, Due, Options, Reader, Task};
use crate::operate;
use crate::store::{explain, open_or_make};

/// How many jobs are stored at once.
const BATCH: usize = 1_000;
/// The warning about a secret so short that it occurs in too many texts by chance.
const SHORT_SECRET: &str =
    "a secret of fewer than 4 characters is not taken out of what its command prints";
/// A time that is past by less than this does not count as past: `--at now` is one.
const JUST_NOW: Duration = Duration::from_secs(60);

pub(crate) async fn add(common: &Common, args: &Add) -> Result<u8> {
    let console = Console::new(common);
    let options = args.options.options()?;
    let tasks = match &args.file {
        Some(file) => input::read(file, args.format, Reader::Add, options)?.tasks,
        None => vec![task(args, options)?],
    };
    let mut jobs = Vec::with_capacity(tasks.len());
    let mut has_short_secret = false;
    for task in tasks {
        if let Some(Due::At(when)) = &task.options.due
            && let Some(note) = &when.note
        {
            console.note(note);
        }
        has_short_secret |= task.command.has_short_secret();
        jobs.push(to_job::job(TaskId::new(), &task, &DEFAULT_QUEUE)?);
    }
    if has_short_secret {
        console.note(SHORT_SECRET);
    }
    let opened = open_or_make(common).await?;
    for batch in jobs.chunks(BATCH) {
        let stored = opened.store.insert(batch.to_vec()).await;
        stored.map_err(explain).context("nothing more was added")?;
    }
    let paused = opened.store.paused_queues().await.map_err(explain)?;
    for job in &jobs {
        tell(
            &console,
            job,
            paused.iter().any(|paused| paused.queue == job.queue),
        );
    }
    for paused in &paused {
        if jobs.iter().any(|job| job.queue == paused.queue) && !console.json {
            console.note(&operate::is_paused(paused));
        }
    }
    let workers = opened.store.instances().await.map_err(explain)?;
    if workers.is_empty() && !console.json {
        console.note("no instance is running; `marionette work` starts one");
    }
    Ok(0)
}

/// The task that the command line describes.
fn task(args: &Add, options: Options) -> Result<Task> {
    ensure!(
        !args.words.iter().any(|word| word == ":::"),
        "items behind `:::` are for `run`: marionette run -- optipng {{}} ::: *.png"
    );
    let what = match args.words.as_slice() {
        [line] if args.secret.is_empty() => What::Run(line.clone()),
        words => What::Command(marked(words, &args.secret)?),
    };
    let cwd = folder(args.cwd.as_deref())?;
    let mut command = Command::new(what, cwd);
    let plain = args.env.iter().map(|(name, value)| {
        let value = Text::Plain(value.clone());
        (name.clone(), value)
    });
    let found = args.env_from.iter().map(|(name, source)| {
        let value = Text::From(source.clone());
        (name.clone(), value)
    });
    command.env = plain.chain(found).collect();
    command.grace = args.grace.unwrap_or(command.grace);
    command.output_bytes = args.output.unwrap_or(command.output_bytes);
    command.check().map_err(|error| anyhow!(error))?;
    Ok(Task {
        line: 1,
        name: args.options.name.clone(),
        command,
        options,
        identity: None,
    })
}

/// The words of a command; those with these numbers are secret.
fn marked(words: &[String], secret: &[usize]) -> Result<Vec<Text>> {
    if let Some(number) = secret.iter().find(|&&number| number >= words.len()) {
        bail!(
            "--secret {number}: the command has {}, the first is number 0",
            text::count(words.len(), "word")
        );
    }
    let words = words.iter().enumerate().map(|(number, word)| {
        if secret.contains(&number) {
            Text::Secret(Secret::new(word.as_str()))
        } else {
            Text::Plain(word.clone())
        }
    });
    Ok(words.collect())
}

/// The folder in which the command runs: the named one, else the current one.
fn folder(named: Option<&Path>) -> Result<PathBuf> {
    let folder = named.unwrap_or(Path::new("."));
    let absolute = folder
        .canonicalize()
        .with_context(|| format!("there is no folder {}", text::path(folder)))?;
    ensure!(
        absolute.to_str().is_some(),
        "the folder {} is not named in UTF-8",
        text::path(&absolute)
    );
    Ok(absolute)
}

fn tell(console: &Console, job: &NewJob, is_paused: bool) {
    let now = clock::now();
    let due = match job.due {
        Stored::After(delay) => now + delay,
        Stored::At(time) => time,
        _ => now,
    };
    let name = job.options.name.as_deref().unwrap_or_default();
    if console.json {
        let due = clock::rfc3339(due);
        let queue = &job.queue;
        return console.value(&json!({
            "id": job.id.to_string(), "name": name, "queue": queue, "due": due,
        }));
    }
    let when = match job.due {
        Stored::After(delay) => {
            let at = show_time(due, &clock::here());
            format!("runs in {}, at {at}", show_duration(delay))
        }
        Stored::At(time) if time <= now && clock::since(time) < JUST_NOW => {
            "runs as soon as a worker is free".to_owned()
        }
        Stored::At(time) if time <= now => {
            let at = show_time(time, &clock::here());
            format!(
                "runs as soon as a worker is free: {at} was {}",
                show_relative(time, now)
            )
        }
        Stored::At(time) => {
            let at = show_time(time, &clock::here());
            format!("runs at {at}, {}", show_relative(time, now))
        }
        _ if is_paused => format!("runs once the queue {} goes on", job.queue),
        _ => "runs as soon as a worker is free".to_owned(),
    };
    if console.quiet {
        return console.result(&job.id.to_string());
    }
    console.result(&format!("{}  {when}", job.id));
    if job.queue != DEFAULT_QUEUE {
        console.note(&format!(
            "it waits in the queue {0}: `marionette work --queue {0}` runs it",
            job.queue
        ));
    }
}
