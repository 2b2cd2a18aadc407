//! A library whose work goes on in the background of any service: it offers its handlers, and takes
//! `Jobs`, the way in of whatever manager the service has.

use std::error::Error;

use marionette::{Context, MemoryStore, TaskManager};

/// This module stands for a crate of its own.
mod search {
    use std::sync::{Arc, Mutex, PoisonError};

    use marionette::{
        Context, Handlers, Job, Jobs, QueueError, TaskError, TaskHandler, with, wrap,
    };
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Default)]
    pub(crate) struct Index(Arc<Mutex<Vec<u64>>>);

    impl Index {
        pub(crate) fn shops(&self) -> Vec<u64> {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone()
        }
    }

    #[derive(Serialize, Deserialize)]
    struct Reindex {
        shop: u64,
    }

    impl Job for Reindex {
        const KIND: &'static str = "search:reindex";
        type Output = ();
    }

    async fn reindex(index: Index, job: Reindex, _: Context) -> Result<(), TaskError> {
        let mut shops = index.0.lock().unwrap_or_else(PoisonError::into_inner);
        shops.push(job.shop);
        Ok(())
    }

    /// What a service registers, in the processes that do the work.
    pub(crate) fn handlers(index: Index) -> Handlers {
        Handlers::new().handle(with(index, reindex))
    }

    /// What a service calls, in any process.
    pub(crate) struct Search {
        jobs: Jobs,
    }

    impl Search {
        pub(crate) fn new(jobs: Jobs) -> Self {
            Self { jobs }
        }

        pub(crate) async fn changed(&self, shop: u64) -> Result<(), QueueError<()>> {
            let queued = self.jobs.queue(job(shop)).await;
            queued.map(drop).map_err(QueueError::forget_task)
        }
    }

    /// The job with the options that it always has.
    fn job(shop: u64) -> TaskHandler<Reindex> {
        wrap(Reindex { shop })
            .retries(3)
            .name(format!("reindex shop {shop}"))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // A service without a store.
    let index = search::Index::default();
    let tasks = TaskManager::builder()
        .handlers(search::handlers(index.clone()))
        .build()?;
    tasks.start();
    search::Search::new(tasks.jobs()).changed(7).await?;
    tasks.queue(async |_: Context| Ok(())).await?; // its own tasks, as always
    tasks.stop().await;
    println!("in memory: {:?}", index.shops());

    // A service with one.
    let index = search::Index::default();
    let tasks = TaskManager::builder()
        .handlers(search::handlers(index.clone()))
        .store(MemoryStore::new())
        .build()?;
    tasks.start();
    search::Search::new(tasks.jobs()).changed(8).await?;
    tasks.idle().await;
    tasks.stop().await;
    println!("in a store: {:?}", index.shops());
    Ok(())
}
