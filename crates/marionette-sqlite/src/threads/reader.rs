//! The thread that reads: it answers people's questions, so that a long list never delays the
//! writer.

use std::sync::Arc;

use marionette::store::StoreError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::{Failure, sqlite_error};
use crate::failpoint;
use crate::file::allowance::Allowance;
use crate::file::file_identity::{LOOK, LastLook};
use crate::lanes::Lanes;
use crate::threads::inbox::{Inbox, Patience};
use crate::threads::reply;
use crate::threads::shared::Shared;

/// What this thread does, for messages.
pub(crate) const READS: &str = "reads";

/// A question, which sends the answer to its caller itself.
pub(crate) type Question = Box<dyn FnOnce(&mut Reader<'_>) + Send>;

/// The state that questions use.
#[derive(Debug)]
pub(crate) struct Reader<'c> {
    pub(crate) connection: &'c Connection,
    pub(crate) allowance: Allowance,
    pub(crate) lanes: Lanes,
    pub(crate) shared: Arc<Shared>,
    looked: LastLook,
}

impl<'c> Reader<'c> {
    pub(crate) fn new(
        connection: &'c Connection,
        allowance: Allowance,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            connection,
            allowance,
            lanes: Lanes::default(),
            looked: LastLook::now(),
            shared,
        }
    }

    /// An error if the files are no longer those that were opened; looks at them every [`LOOK`].
    fn look(&mut self) -> Result<(), &StoreError> {
        if self.looked.is_over(LOOK) {
            return self.shared.look();
        }
        self.shared.fault()
    }

    fn answer<R>(
        &mut self,
        question: impl FnOnce(&mut Self) -> Result<R, Failure>,
    ) -> Result<R, StoreError> {
        self.look().map_err(Clone::clone)?;
        failpoint::at("sqlite::read::begin");
        question(self).map_err(|failure| match failure {
            Failure::Refused(err) => err,
            Failure::Sqlite(err) => {
                let waited = Some(self.shared.settings.busy);
                sqlite_error(&self.shared.path, &err, waited)
            }
        })
    }

    /// Works until the inbox is closed and empty.
    pub(crate) fn work(&mut self, inbox: &Inbox<Question>) {
        let (mut questions, mut patience) = (Vec::new(), Patience::default());
        while inbox.take(&mut questions, &mut patience) {
            for question in questions.drain(..) {
                self.allowance.begin_question();
                question(self);
            }
        }
    }
}

/// Asks the reader, and waits for the answer.
pub(crate) async fn ask<R: Send + 'static>(
    shared: &Shared,
    inbox: &Inbox<Question>,
    question: impl FnOnce(&mut Reader<'_>) -> Result<R, Failure> + Send + 'static,
) -> Result<R, StoreError> {
    let (reply, answer) = oneshot::channel();
    let question = move |reader: &mut Reader<'_>| {
        let shared = Arc::clone(&reader.shared);
        let mut reply = Some(reply);
        // A caller that went away needs no answer.
        let mut send = |answer| drop(reply.take().map(|reply| reply.send(answer)));
        let answer = shared.piece(
            READS,
            || reader.answer(question),
            |broken| {
                if let Err(fault) = broken {
                    send(Err(fault.clone()));
                }
            },
        );
        send(answer);
    };
    if inbox.push(Box::new(question)).is_err() {
        return Err(shared.stopped());
    }
    reply::receive(shared, answer).await
}
