//! Jobs in a file.

use std::error::Error;
use std::time::Duration;

use marionette::{Context, Job, TaskError, TaskManager};
use marionette_sqlite::SqliteStore;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct SendMail {
    to: String,
}

impl Job for SendMail {
    const KIND: &'static str = "send_mail"; // its name in the file: it outlives the process
    type Output = u16;
}

async fn send(mail: SendMail, _: Context) -> Result<u16, TaskError> {
    println!("mail to {}", mail.to);
    Ok(250)
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let store = SqliteStore::open("tasks.db").await?;
    let tasks = TaskManager::builder().store(store).handle(send).build()?;
    tasks.start();

    let mail = SendMail { to: "ada@example.org".into() };
    let sent = tasks.queue(mail).retries(8).await?; // committed and synced to the disk
    assert_eq!(sent.await?, 250); // whichever process runs it

    let week = Duration::from_secs(7 * 24 * 60 * 60);
    tasks.delay(week, SendMail { to: "eve@example.org".into() }).await?; // restarts do not matter
    println!("{}", tasks.stop().await); // what has not run stays in the file
    Ok(())
}

#[tokio::test]
async fn it_runs() {
    crate::in_a_folder_of_its_own();
    serve().await.expect("it serves");
}

/// The types that the README names.
#[tokio::test]
async fn the_type_of_the_manager_can_be_written_down() {
    use marionette::store::Store;

    crate::in_a_folder_of_its_own();
    let store = SqliteStore::open("types.db").await.expect("it opens");
    let tasks: TaskManager<SqliteStore> = TaskManager::builder()
        .store(store)
        .build()
        .expect("it is sound");
    let _: TaskManager<dyn Store> = tasks.erased();
}
