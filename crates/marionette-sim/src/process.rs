//! A process of the simulation: a manager, its link, and its end.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use marionette::testing::WallClock;
use marionette::{Context, TaskManager};
use marionette_conformance::history::{Event, History};
use tokio::sync::mpsc::UnboundedSender;

use crate::board::Board;
use crate::link::{Connection, Link};
use crate::plan::Plan;
use crate::store::{Server, SimStore};
use crate::work::{Place, Work, handle};

/// A process from its start to its end; the next one under the same name has another number.
pub(crate) struct Process {
    pub(crate) number: u64,
    pub(crate) store: SimStore,
    tasks: TaskManager<SimStore>,
    history: Arc<History>,
}

impl Process {
    pub(crate) fn start(
        number: u64,
        name: usize,
        plan: &Plan,
        (server, wall): (&Server, &WallClock),
        rng: Rng,
        killed: UnboundedSender<u64>,
    ) -> Self {
        let link = Arc::new(Link::new(rng, plan.faults, plan.lease));
        let history = Arc::new(server.history.of(number));
        let store = SimStore {
            server: server.clone(),
            link: Arc::clone(&link),
        };
        let place = Place {
            process: number,
            history: Arc::clone(&history),
            board: Arc::<Board>::clone(&server.board),
            link,
            killed,
            attempts: Arc::default(),
        };
        let tasks = TaskManager::builder()
            .store(store.clone())
            .workers(plan.workers)
            .grace(Duration::from_secs(1))
            .wall_clock(wall)
            .server_name(format!("process {name}"))
            .handle(move |work: Work, context: Context| handle(place.clone(), work, context))
            .build()
            .expect("the settings are right");
        history.write(&Event::Limit(plan.workers));
        tasks.start();
        Self {
            number,
            store,
            tasks,
            history,
        }
    }

    /// As `kill -9` would: nothing is written any more, and nothing is released.
    pub(crate) fn crash(self) {
        self.store.link.set(Connection::Dead);
        self.history.fall_silent();
        self.store.server.history.write(&Event::Gone(self.number));
    }

    /// Stops as a service does. What is still running after the limit and a lease is no stop.
    pub(crate) async fn stop(self, limit: Duration) {
        let _report = self.tasks.stop_within(limit).await;
        self.history.write(&Event::Returned);
        // What a stop with a limit leaves behind writes nothing: its leases lapse.
        self.store.link.set(Connection::Dead);
    }
}
