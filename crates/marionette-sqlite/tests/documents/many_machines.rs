//! A store on a server.

use marionette::{Context, Job, TaskError, TaskManager};
use marionette_redis::RedisStore;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct SendMail {
    to: String,
}

impl Job for SendMail {
    const KIND: &'static str = "send_mail";
    type Output = ();
}

async fn send(mail: SendMail, _: Context) -> Result<(), TaskError> {
    println!("mail to {}", mail.to);
    Ok(())
}

async fn serve(server: &str) -> Result<(), Box<dyn std::error::Error>> {
    let store = RedisStore::connect(server).await?; // such as redis://:password@queue.example.org
    let tasks = TaskManager::builder().store(store).handle(send).build()?;
    tasks.start();
    tasks.queue(SendMail { to: "ada@example.org".into() }).retries(8).await?;
    println!("{}", tasks.stop().await); // what has not run stays on the server
    Ok(())
}

#[tokio::test]
async fn it_runs() {
    if let Some(server) = marionette_servers::RedisServer::start() {
        serve(&server.url()).await.expect("it serves");
    }
}
