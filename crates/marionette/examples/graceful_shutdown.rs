//! A service that takes orders over TCP, bills them behind the answer, and stops in order.
//!
//! The order is: no new connections, the open ones finish, the tasks finish, and last the ledger
//! closes, which the tasks need. In this program a customer comes by, and then the service is asked
//! to stop.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use marionette::{CancellationToken, Config, Context, TaskManager};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let shutdown = CancellationToken::new();
    let service = Service {
        tasks: TaskManager::new(Config::default())?,
        ledger: Ledger::default(),
        shutdown: shutdown.clone(),
    };
    service.tasks.start();

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let customer = tokio::spawn(customer(listener.local_addr()?));
    tokio::spawn(async move {
        told_to_stop(customer).await;
        shutdown.cancel();
    });

    // 1. Connections come in until it is time to stop.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            connected = listener.accept() => {
                let (stream, _) = connected?;
                connections.spawn(service.clone().serve(stream));
            }
            () = service.shutdown.cancelled() => break,
        }
    }
    drop(listener);
    println!("stop: no new connections");

    // 2. Whoever is connected gets an answer.
    while let Some(served) = connections.join_next().await {
        served??;
    }
    println!("stop: the connections have ended");

    // 3. Every accepted task runs. An orchestrator gives 30 s: after 20 we hurry.
    let report = service.tasks.stop_within(Duration::from_secs(20)).await;
    println!("stop: all tasks have run: {}", report.is_complete());
    println!("stop: {} reminders for tomorrow are left", report.waiting);

    // 4. Nobody needs the ledger any more.
    println!("the ledger has {:?}", service.ledger.close());
    Ok(())
}

/// Returns when the service has to stop: on SIGTERM in a real service; here on Ctrl-C, or when the
/// customer has gone.
async fn told_to_stop(customer: tokio::task::JoinHandle<io::Result<()>>) {
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = customer => {}
    }
}

#[derive(Clone)]
struct Service {
    tasks: TaskManager,
    ledger: Ledger,
    shutdown: CancellationToken,
}

impl Service {
    /// One connection: a line is an order, and its answer a line.
    async fn serve(self, mut stream: TcpStream) -> io::Result<()> {
        let (reader, mut writer) = stream.split();
        let mut orders = BufReader::new(reader).lines();
        loop {
            let order = tokio::select! {
                order = orders.next_line() => order?,
                () = self.shutdown.cancelled() => None,
            };
            let Some(order) = order else { return Ok(()) };
            let answer = match self.accept(order).await {
                Ok(()) => "202 accepted\n",
                Err(_) => "503 come back later\n",
            };
            writer.write_all(answer.as_bytes()).await?;
        }
    }

    /// The customer waits until the bill is queued, not until it is written.
    async fn accept(&self, order: String) -> Result<(), Box<dyn Error + Send + Sync>> {
        println!("{order} is accepted");
        let (ledger, name) = (self.ledger.clone(), format!("bill {order}"));
        let remind = async |_: Context| {
            println!("please pay");
            Ok(())
        };
        let bill = self
            .tasks
            .queue(move |_: Context| ledger.clone().bill(order.clone()))
            .name(name)
            .retries(3)
            .await?;
        let reminder = self.tasks.delay(DAY, remind).await?;
        drop((bill, reminder));
        Ok(())
    }
}

/// A stand-in for the database.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<Vec<String>>>);

impl Ledger {
    async fn bill(self, order: String) -> Result<(), marionette::TaskError> {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut bills = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bills.push(order);
        Ok(())
    }

    fn close(self) -> Vec<String> {
        let mut bills = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        bills.sort(); // four workers write them in any order
        bills
    }
}

/// Orders three times, and reads each answer.
async fn customer(service: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(service).await?;
    let (reader, mut writer) = stream.split();
    let mut answers = BufReader::new(reader).lines();
    for nth in 1..=3 {
        writer
            .write_all(format!("order {nth}\n").as_bytes())
            .await?;
        answers.next_line().await?;
    }
    Ok(())
}
