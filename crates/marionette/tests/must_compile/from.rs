//! The places from which tasks are queued, each of which needs a future that is `Send`.
//!
//! Each is a macro over `|tasks, it| code`: it awaits the code there, and expects 250.

use std::sync::Arc;

use marionette::{Config, Job, TaskManager};
use serde::{Deserialize, Serialize};

use crate::app::{Captured, Mailer};

pub(crate) fn manager() -> TaskManager {
    let tasks = TaskManager::new(Config::default()).expect("the defaults are valid");
    tasks.start();
    tasks
}

/// The state of a service.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) tasks: TaskManager,
    pub(crate) mailer: Arc<dyn Mailer>,
}

impl Service {
    pub(crate) fn new() -> Self {
        Self {
            tasks: manager(),
            mailer: Captured::make(),
        }
    }
}

/// A job whose handler queues a task.
#[derive(Serialize, Deserialize)]
pub(crate) struct Begin;

impl Job for Begin {
    const KIND: &'static str = "begin";
    type Output = u8;
}

/// A spawned future.
macro_rules! spawned {
    (|$tasks:ident, $it:ident| $code:expr) => {
        let Service {
            tasks: $tasks,
            mailer: $it,
        } = Service::new();
        let answer = tokio::spawn(async move { $code }).await;
        assert_eq!(answer.expect("it does not panic"), 250);
    };
}

/// A request handler.
macro_rules! axum_handler {
    (|$tasks:ident, $it:ident| $code:expr) => {
        async fn handler(
            State(Service {
                tasks: $tasks,
                mailer: $it,
            }): State<Service>,
        ) -> Vec<u8> {
            vec![$code]
        }
        let service = Service::new();
        let _: Router = Router::new()
            .route("/mail", post(handler))
            .with_state(service.clone());
        let response = handler.call(Request::new(Body::empty()), service).await;
        let body = to_bytes(response.into_body(), 10).await;
        assert_eq!(&body.expect("it is short")[..], [250]);
    };
}

/// A closure that is a task itself.
macro_rules! task_closure {
    (|$tasks:ident, $it:ident| $code:expr) => {
        let service = Service::new();
        let outer = service.tasks.clone();
        let handle = outer.queue(move |_: Context| {
            let Service {
                tasks: $tasks,
                mailer: $it,
            } = service.clone();
            async move { Ok($code) }
        });
        let answer = handle.await.expect("it runs").await;
        assert_eq!(answer.expect("it succeeds"), 250);
    };
}

/// A future that is a task itself.
macro_rules! task_future {
    (|$tasks:ident, $it:ident| $code:expr) => {
        let Service {
            tasks: $tasks,
            mailer: $it,
        } = Service::new();
        let outer = $tasks.clone();
        let handle = outer.queue(async move { Ok($code) });
        let answer = handle.await.expect("it runs").await;
        assert_eq!(answer.expect("it succeeds"), 250);
    };
}

/// A type that is a task itself.
macro_rules! task_type {
    (|$tasks:ident, $it:ident| $code:expr) => {
        impl Task for Service {
            type Output = u8;

            async fn run(&self, _: Context) -> Result<u8, TaskError> {
                let Service {
                    tasks: $tasks,
                    mailer: $it,
                } = self.clone();
                Ok($code)
            }
        }
        #[derive(Clone)]
        struct Service {
            tasks: TaskManager,
            mailer: std::sync::Arc<dyn Mailer>,
        }
        let service = Service {
            tasks: manager(),
            mailer: Captured::make(),
        };
        let outer = service.tasks.clone();
        let answer = outer.queue(service).await.expect("it runs").await;
        assert_eq!(answer.expect("it succeeds"), 250);
    };
}

/// The handler of a job.
macro_rules! job_handler {
    (|$tasks:ident, $it:ident| $code:expr) => {
        let service = Service::new();
        let jobs = TaskManager::builder()
            .store(MemoryStore::new())
            .handle(move |_: Begin, _: Context| {
                let Service {
                    tasks: $tasks,
                    mailer: $it,
                } = service.clone();
                async move { Ok($code) }
            })
            .build()
            .expect("it is valid");
        jobs.start();
        let answer = jobs.queue(Begin).await.expect("it is stored").await;
        assert_eq!(answer.expect("it succeeds"), 250);
    };
}

/// A boxed future that borrows the manager, as traits with async methods have it.
macro_rules! borrowing_box {
    (|$tasks:ident, $it:ident| $code:expr) => {
        fn welcome<'a>($tasks: &'a TaskManager, mailer: &'a Arc<dyn Mailer>) -> BoxFuture<'a, u8> {
            let $it = Arc::clone(mailer);
            Box::pin(async move { $code })
        }
        let service = Service::new();
        let answer = tokio::spawn(async move { welcome(&service.tasks, &service.mailer).await });
        assert_eq!(answer.await.expect("it does not panic"), 250);
    };
}

pub(crate) use {
    axum_handler, borrowing_box, job_handler, spawned, task_closure, task_future, task_type,
};
