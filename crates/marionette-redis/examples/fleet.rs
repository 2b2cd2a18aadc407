//! Two workers on one server, as on two machines. One is killed while it works, and the other goes
//! on: nothing is lost, and nothing that was completed runs again.
//!
//! The program plays all parts: started without an argument it is the service that queues mails,
//! and starts itself twice as a worker that sends them. `REDIS_URL` names the server; default is
//! `redis://localhost`. With `FLEET=mails` on one machine, `fleet mails` is a worker on another.

use std::error::Error;
use std::process::{Child, Command};
use std::time::Duration;

use marionette::inspect::{By, Filter, Inspect};
use marionette::store::JobState;
use marionette::{Context, Job, TaskManager, wrap};
use marionette_redis::RedisStore;
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

/// A task as data: these arguments are what is stored.
#[derive(Serialize, Deserialize)]
struct SendMail {
    to: String,
}

impl Job for SendMail {
    const KIND: &'static str = "send_mail";
    type Output = u32;
}

const MAILS: usize = 300;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1) {
        None => serve().await,
        Some(name) => work(&name).await,
    }
}

/// The store of this name. A second is enough to notice a death where machines are close together.
async fn store(name: &str) -> Result<RedisStore, Box<dyn Error>> {
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://localhost".into());
    let options = RedisStore::options()
        .name(name)
        .lease(Duration::from_secs(1))
        .sweep(Duration::from_millis(200));
    Ok(options.connect(url).await?)
}

/// The service: it queues mails, and does not send them.
async fn serve() -> Result<(), Box<dyn Error>> {
    // Its own, so that nothing else on the server is touched.
    let name = std::env::var("FLEET");
    let name = name.unwrap_or_else(|_| format!("fleet-{}", std::process::id()));
    let tasks = TaskManager::builder().store(store(&name).await?).build()?;
    let mails = (0..MAILS).map(|nth| {
        wrap(SendMail {
            to: format!("{nth}@example.org"),
        })
        .retries(3)
    });
    let handles = tasks.queue_many(mails).await?;
    println!(
        "{} mails are accepted: they are on the server",
        handles.len()
    );

    let (mut first, mut second) = (worker(&name)?, worker(&name)?);
    while done(&tasks).await? < 100 {
        sleep(Duration::from_millis(5)).await;
    }
    first.kill()?; // SIGKILL: it cannot say good-bye
    first.wait()?;
    println!("one of two workers was killed while it sent some");

    let mut sent = 0;
    let all = async {
        for handle in handles {
            sent += handle.await?; // run by another process, and awaited here
        }
        Ok::<_, marionette::Error>(())
    };
    timeout(Duration::from_secs(60), all).await??;
    second.kill()?;
    second.wait()?;
    println!("{} mails are done, none is lost", done(&tasks).await?);
    assert_eq!(sent as usize, MAILS);

    let everything = Filter::new();
    let by = By::new("fleet", "the example");
    tasks.store().delete(everything.into(), by).await?;
    Ok(())
}

/// The worker: two lines make it one of many, the store and the handler.
async fn work(name: &str) -> Result<(), Box<dyn Error>> {
    let tasks = TaskManager::builder()
        .store(store(name).await?)
        .handle(async |_: SendMail, _: Context| {
            sleep(Duration::from_millis(5)).await;
            Ok(1)
        })
        .build()?;
    tasks.start();
    std::future::pending().await // until somebody kills it
}

fn worker(name: &str) -> std::io::Result<Child> {
    Command::new(std::env::current_exe()?).arg(name).spawn()
}

async fn done(tasks: &TaskManager<RedisStore>) -> Result<usize, Box<dyn Error>> {
    let counts = tasks.store().counts().await?;
    let done = counts.iter().filter(|count| count.state == JobState::Done);
    Ok(done.map(|count| count.jobs).sum::<u64>().try_into()?)
}
