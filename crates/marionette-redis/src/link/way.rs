//! The way from nothing to a connection that may be used.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::address::{Address, Endpoint, Host};
use crate::options::Settings;
use crate::scripts::Scripts;

use super::ear::Ear;
use super::failure::Failure;
use super::findings::Findings;
use super::socket::{self, Stream};
use super::speak::{self, Spoken};
use super::{greet, listen, open, proof, sentinel};

/// How often a cluster may send us to another of its nodes in one attempt.
const REDIRECTIONS: usize = 5;

/// All that is needed to connect.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) address: Address,
    pub(crate) settings: Settings,
    pub(crate) scripts: Rc<Scripts>,
    pub(crate) findings: Findings,
    /// Where a cluster has the keys of the store.
    moved: RefCell<Option<Host>>,
    /// Whether the server knows the older protocol alone (RESP2).
    is_plain: Cell<bool>,
}

/// A connection that nobody has used yet.
#[derive(Debug)]
pub(super) struct Fresh {
    pub(super) spoken: Spoken,
    /// The server, if it was a sentinel that named it.
    pub(super) host: Option<Host>,
}

impl Way {
    pub(crate) fn new(address: Address, settings: Settings, scripts: Rc<Scripts>) -> Self {
        Self {
            address,
            settings,
            scripts,
            findings: Findings::default(),
            moved: RefCell::default(),
            is_plain: Cell::default(),
        }
    }

    /// Makes a connection to the master, checks that it has a store of ours, and subscribes.
    pub(super) async fn establish(&self, ear: Option<&Ear>) -> Result<Fresh, Failure> {
        for _ in 0..REDIRECTIONS {
            // Forgotten until the node has answered: next time we may have to ask another.
            let moved = self.moved.take();
            match self.opened(moved.clone(), ear).await {
                Ok(fresh) => {
                    self.moved.replace(moved);
                    return Ok(fresh);
                }
                Err(failure) => match failure.moved {
                    Some(to) => drop(self.moved.replace(Some(to))),
                    None => return Err(failure),
                },
            }
        }
        let server = &self.address;
        Err(Failure::passing(format!(
            "the nodes of {server} do not agree on which of them has the store"
        )))
    }

    async fn opened(&self, moved: Option<Host>, ear: Option<&Ear>) -> Result<Fresh, Failure> {
        // Forgotten until it works: next time it may be another server.
        let is_plain = self.is_plain.take();
        let (mut spoken, host) = if is_plain {
            self.plainly_spoken(moved, ear).await?
        } else {
            self.spoken(moved, ear).await?
        };
        let missing = greet::greet(self, &mut spoken.connection).await?;
        open::open(self, &mut spoken.connection, missing).await?;
        proof::try_out(self, &mut spoken.connection).await?;
        if let Some(ear) = ear
            && !self.is_plain.get()
        {
            let mut subscribe = redis::cmd("SSUBSCRIBE");
            let subscribed = subscribe.arg(ear.channel());
            let subscribed = subscribed.exec_async(&mut spoken.connection).await;
            subscribed.map_err(|error| Failure::of(&self.address, error))?;
        }
        Ok(Fresh { spoken, host })
    }

    /// Agrees with the server on a protocol: the newer one, if it knows that.
    async fn spoken(
        &self,
        moved: Option<Host>,
        ear: Option<&Ear>,
    ) -> Result<(Spoken, Option<Host>), Failure> {
        let (stream, host) = self.stream(moved.clone()).await?;
        match speak::speak(stream, self.address.login.as_ref(), ear).await {
            Ok(spoken) => Ok((spoken, host)),
            Err(error) if greet::knows_no_hello(self, &error) => {
                self.plainly_spoken(moved, ear).await
            }
            Err(error) => Err(greet::refusal(self, &error)),
        }
    }

    /// Speaks the older protocol, in which what the server says by itself needs a connection of its
    /// own.
    async fn plainly_spoken(
        &self,
        moved: Option<Host>,
        ear: Option<&Ear>,
    ) -> Result<(Spoken, Option<Host>), Failure> {
        let login = self.address.login.as_ref();
        let refusal = |error| greet::refusal(self, &error);
        let (stream, host) = self.stream(moved.clone()).await?;
        let mut spoken = speak::speak_plainly(stream).await.map_err(refusal)?;
        speak::log_in(&mut spoken.connection, login)
            .await
            .map_err(refusal)?;
        if let Some(ear) = ear {
            let (stream, _) = self.stream(moved).await?;
            let listens = listen::listen(stream, login, ear).await;
            spoken.drive(listens.map_err(refusal)?);
        }
        self.is_plain.set(true);
        Ok((spoken, host))
    }

    /// A stream to the server, and the server if it was a sentinel that named it.
    async fn stream(&self, moved: Option<Host>) -> Result<(Stream, Option<Host>), Failure> {
        let stream = match (moved, &self.address.endpoint) {
            (Some(host), _) => socket::tcp(self, &host).await?,
            (None, Endpoint::Server(host)) => socket::tcp(self, host).await?,
            (None, Endpoint::Socket(path)) => socket::unix(self, path).await?,
            (None, Endpoint::Sentinels { .. }) => {
                let host = sentinel::master(self).await?;
                return Ok((socket::tcp(self, &host).await?, Some(host)));
            }
        };
        Ok((stream, None))
    }
}
