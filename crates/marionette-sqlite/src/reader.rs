//! The thread that reads: what people ask, so that a long list never delays the writer.

use std::path::Path;
use std::sync::Arc;

use marionette::store::StoreError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::allowance::Allowance;
use crate::answer;
use crate::error::{Failure, Fault};
use crate::inbox::{Inbox, Patience};
use crate::lanes::Lanes;
use crate::shared::Shared;
use crate::whereabouts::{LOOK, Looked};

/// A question, which answers its caller itself.
pub(crate) type Question = Box<dyn FnOnce(&mut Reader<'_>) + Send>;

/// The reader at work: what its questions use.
#[derive(Debug)]
pub(crate) struct Reader<'c> {
    pub(crate) connection: &'c Connection,
    pub(crate) allowance: Allowance,
    pub(crate) lanes: Lanes,
    pub(crate) shared: Arc<Shared>,
    looked: Looked,
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
            looked: Looked::now(),
            shared,
        }
    }

    /// Whether the files are still those that were opened.
    fn look(&mut self) -> Result<(), &Fault> {
        if self.looked.is_over(LOOK) {
            return self.shared.look();
        }
        self.shared.fault()
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
    path: &Path,
    inbox: &Inbox<Question>,
    question: impl FnOnce(&mut Reader<'_>) -> Result<R, Failure> + Send + 'static,
) -> Result<R, StoreError> {
    let (reply, answer) = oneshot::channel();
    let question = move |reader: &mut Reader<'_>| {
        let answer = match reader.look() {
            Err(fault) => Err(fault.to_error()),
            Ok(()) => question(reader).map_err(|failure| match failure {
                Failure::Refused(err) => err,
                Failure::Sqlite(err) => {
                    let waited = Some(reader.shared.settings.busy);
                    Fault::new(&reader.shared.path, &err, waited).to_error()
                }
            }),
        };
        // A caller that went away needs no answer.
        let _ = reply.send(answer);
    };
    if inbox.push(Box::new(question)).is_err() {
        return Err(answer::stopped(path));
    }
    answer::answer(path, answer).await
}
