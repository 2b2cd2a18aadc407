//! A worker is killed while it works, and another one goes on: nothing is lost, and nothing that
//! was completed runs again.
//!
//! The program plays all parts: started without an argument it is the service that queues mails,
//! and starts itself twice as the worker that sends them.

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use marionette::inspect::Inspect;
use marionette::store::JobState;
use marionette::{Context, Job, TaskManager, wrap};
use marionette_sqlite::SqliteStore;
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

/// A task as data: these arguments are what is stored.
#[derive(Serialize, Deserialize)]
struct SendMail {
    to: String,
}

impl Job for SendMail {
    const KIND: &'static str = "send_mail";
    type Output = ();
}

const MAILS: usize = 300;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1) {
        None => serve().await,
        Some(folder) => work(Path::new(&folder)).await,
    }
}

/// The service: it queues mails, and does not send them.
async fn serve() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("marionette-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let tasks = TaskManager::builder()
        .store(SqliteStore::open(folder.join("tasks.db")).await?)
        .build()?;
    let mails = (0..MAILS).map(|nth| {
        wrap(SendMail {
            to: format!("{nth}@example.org"),
        })
        .retries(3)
    });
    let handles = tasks.queue_many(mails).await?;
    println!("{} mails are accepted: they are in the file", handles.len());

    let mut first = worker(&folder)?;
    wait_for(&folder, MAILS / 3).await;
    first.kill()?; // SIGKILL: it cannot say good-bye
    first.wait()?;
    println!("a worker was killed after it had sent some, and while it sent others");

    let mut second = worker(&folder)?;
    let all = async {
        for handle in handles {
            handle.await?; // run by another process, and awaited here
        }
        Ok::<_, marionette::Error>(())
    };
    timeout(Duration::from_secs(30), all).await??;
    second.kill()?;
    second.wait()?;

    let counts = tasks.store().counts().await?;
    let done = counts.iter().filter(|count| count.state == JobState::Done);
    println!(
        "{} mails are done, none is lost",
        done.map(|count| count.jobs).sum::<u64>()
    );
    // The mail that was being sent, and mails that were sent before the file said so.
    let again = lines(&folder, "begun") - MAILS;
    assert!(again < 20, "{again} mails began a second time");
    println!("those that it was sending when it was killed began a second time");
    fs::remove_dir_all(&folder)?;
    Ok(())
}

/// The worker: two lines make it durable, the store and the handler.
async fn work(folder: &Path) -> Result<(), Box<dyn Error>> {
    let outbox = folder.to_owned();
    let tasks = TaskManager::builder()
        .store(SqliteStore::open(folder.join("tasks.db")).await?)
        .handle(move |mail: SendMail, _: Context| {
            let outbox = outbox.clone();
            async move { Ok(send(&outbox, &mail.to).await?) }
        })
        .build()?;
    tasks.start();
    std::future::pending().await // until somebody kills it
}

async fn send(outbox: &Path, to: &str) -> std::io::Result<()> {
    note(outbox, "begun", to)?;
    sleep(Duration::from_millis(5)).await;
    note(outbox, "sent", to)
}

fn note(folder: &Path, name: &str, line: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join(name))?;
    file.write_all(format!("{line}\n").as_bytes())
}

fn lines(folder: &Path, name: &str) -> usize {
    // Nothing is noted yet if there is no file.
    fs::read_to_string(folder.join(name)).map_or(0, |text| text.lines().count())
}

fn worker(folder: &Path) -> std::io::Result<Child> {
    Command::new(std::env::current_exe()?).arg(folder).spawn()
}

async fn wait_for(folder: &Path, sent: usize) {
    while lines(folder, "sent") < sent {
        sleep(Duration::from_millis(5)).await;
    }
}
