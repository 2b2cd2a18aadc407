//! One handler for two kinds of job: it charges an order, and queues the receipt as the next job.
//!
//! The handler is a struct, and what it needs is in its fields. It asks its context for the way to
//! the next job, and holds no manager: a handler that holds one would keep it alive for ever.

use std::error::Error;
use std::sync::Arc;

use marionette::{Context, Job, JobHandler, MemoryStore, TaskError, TaskManager};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Charge {
    order: u64,
    cents: u32,
}

impl Job for Charge {
    const KIND: &'static str = "charge";
    type Output = ();
}

#[derive(Serialize, Deserialize)]
struct SendReceipt {
    order: u64,
    receipt: String,
}

impl Job for SendReceipt {
    const KIND: &'static str = "send_receipt";
    type Output = ();
}

trait Payments: Send + Sync {
    fn charge(&self, order: u64, cents: u32) -> Result<String, std::io::Error>;
}

struct Shop {
    payments: Box<dyn Payments>,
}

impl JobHandler<Charge> for Shop {
    async fn handle(&self, Charge { order, cents }: Charge, cx: Context) -> Result<(), TaskError> {
        let receipt = self.payments.charge(order, cents)?;
        println!("order {order} is charged, attempt {}", cx.attempt());
        cx.jobs()
            .queue(SendReceipt { order, receipt })
            .retries(8)
            .await?;
        Ok(())
    }
}

impl JobHandler<SendReceipt> for Shop {
    async fn handle(&self, job: SendReceipt, _: Context) -> Result<(), TaskError> {
        println!("order {} has its receipt: {}", job.order, job.receipt);
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let shop = Arc::new(Shop {
        payments: Box::new(Bank),
    });
    let tasks = TaskManager::builder()
        .store(MemoryStore::new())
        .handle::<Charge>(Arc::clone(&shop))
        .handle::<SendReceipt>(shop)
        .build()?;
    tasks.start();

    tasks
        .queue(Charge {
            order: 1,
            cents: 4_200,
        })
        .retries(3)
        .await?
        .await?;
    tasks.idle().await;
    tasks.stop().await;
    Ok(())
}

/// A stand-in for a real bank.
struct Bank;

impl Payments for Bank {
    fn charge(&self, order: u64, cents: u32) -> Result<String, std::io::Error> {
        Ok(format!("no. {order}, {cents} cents"))
    }
}
