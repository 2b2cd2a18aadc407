//! Which closure to write: each row of the table is queued as it stands there.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use marionette::{Config, Context, Task, TaskError, TaskManager, blocking, with};

async fn refresh() -> io::Result<u8> {
    Ok(1)
}

async fn remind(user: u8) -> io::Result<u8> {
    Ok(user)
}

#[derive(Clone)]
struct Client(Arc<str>);

impl Client {
    async fn ping(&self) -> io::Result<usize> {
        Ok(self.0.len())
    }
}

async fn greet(client: Client, _: Context) -> Result<usize, TaskError> {
    Ok(client.ping().await?)
}

async fn upload(body: Box<dyn io::Read + Send>) -> io::Result<String> {
    io::read_to_string(body)
}

fn render(page: &str) -> io::Result<usize> {
    Ok(page.len())
}

struct DestroyTopic {
    topic: String,
}

impl Task for DestroyTopic {
    type Output = usize;

    async fn run(&self, _: Context) -> Result<usize, TaskError> {
        Ok(self.topic.len())
    }

    fn name(&self) -> Cow<'static, str> {
        "destroy topic".into()
    }
}

fn client() -> Client {
    Client("smtp".into())
}

fn manager() -> TaskManager {
    let tasks = TaskManager::new(Config::default()).expect("the defaults are valid");
    tasks.start();
    tasks
}

/// Every row, in a future that is `Send`, with the retries that all but the future allow.
#[tokio::test]
async fn every_row_runs() {
    let spawned = tokio::spawn(async {
        let tasks = manager();
        let _ = tasks.queue(async |_: Context| Ok(refresh().await?))
            .retries(1).await?.await?;

        let user = 7;
        let _ = tasks.queue(move |_: Context| async move { Ok(remind(user).await?) })
            .retries(1).await?.await?;

        let client = client();
        let _ = tasks.queue(with(client, greet))
            .retries(1).await?.await?;

        let body: Box<dyn io::Read + Send> = Box::new(io::empty());
        let _ = tasks.queue(async move { Ok(upload(body).await?) }).await?.await?;

        let topic = String::from("news");
        let _ = tasks.queue(DestroyTopic { topic })
            .retries(1).await?.await?;

        let page = String::from("home");
        let _ = tasks.queue(blocking(move |_: Context| Ok(render(&page)?)))
            .retries(1).await?.await?;
        Ok::<_, TaskError>(())
    });
    let ended = spawned.await.expect("it does not panic");
    ended.expect("every task succeeds");
}
