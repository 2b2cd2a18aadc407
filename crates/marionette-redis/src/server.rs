//! What the thread of a store has: its connections, and what it knows of the server.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use marionette::store::{InstanceId, StoreError};
use redis::Value;
use tokio::sync::mpsc;

use crate::address::Address;
use crate::batch::Batches;
use crate::codec::{int, list, optional};
use crate::durability::Durability;
use crate::error::strange;
use crate::groups::Groups;
use crate::layout::{Key, Layout};
use crate::life::{Beats, Health, Unnamed};
use crate::link::{Ear, Link, Push, Turns, Way};
use crate::loads::{NewJobs, Verdicts};
use crate::options::Settings;
use crate::prospects::Prospects;
use crate::scripts::{Call, Script, Scripts};
use crate::waking::Waking;

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) settings: Settings,
    pub(crate) scripts: Rc<Scripts>,
    /// How connections are made, and what is known of the server.
    pub(crate) way: Rc<Way>,
    /// For jobs: answers may be large.
    pub(crate) bulk: Link,
    /// For signs of life and wake-ups, which wait behind no large answer.
    pub(crate) pulse: Link,
    /// For changes that count only once the server keeps them.
    turns: Option<Turns>,
    /// The name of this process on its channel: 16 hexadecimal digits.
    pub(crate) process: String,
    /// What the server says on that channel; who wakes callers takes it.
    pub(crate) pushes: RefCell<Option<mpsc::UnboundedReceiver<Push>>>,
    /// The signs of life of all instances.
    pub(crate) beats: RefCell<Beats>,
    /// The leases that the instances of this process do not name.
    pub(crate) unnamed: RefCell<Unnamed>,
    pub(crate) groups: Groups,
    pub(crate) prospects: Prospects,
    pub(crate) health: RefCell<Health>,
    pub(crate) inserts: Batches<NewJobs>,
    pub(crate) settlements: Batches<Verdicts>,
    pub(crate) waking: Waking,
    /// Whether no process was idle when the server was asked last.
    pub(crate) is_quiet: Cell<bool>,
}

impl Server {
    pub(crate) async fn connect(address: Address, settings: Settings) -> Result<Self, StoreError> {
        let scripts = Rc::new(Scripts::new(
            Layout::new(&settings.name),
            settings.clock.clone(),
        ));
        let way = Rc::new(Way::new(address, settings.clone(), Rc::clone(&scripts)));
        let bulk = Link::connect(&way, None).await?;
        let process = format!("{:016x}", fastrand::u64(..));
        let (ear, pushes) = Ear::new(format!("{}{process}", scripts.layout().channel()));
        let pulse = Link::connect(&way, Some(ear)).await?;
        let turns = match settings.durability {
            Durability::Server => None,
            _ => Some(Turns::connect(&way).await?),
        };
        let more = turns.iter().flat_map(Turns::links);
        Link::watch(&way, [&bulk, &pulse].into_iter().chain(more));
        let prospects = Prospects::new(settings.clock.clone());
        Ok(Self {
            settings,
            scripts,
            way,
            bulk,
            pulse,
            turns,
            process,
            pushes: RefCell::new(Some(pushes)),
            beats: RefCell::default(),
            unnamed: RefCell::default(),
            groups: Groups::default(),
            prospects,
            health: RefCell::default(),
            inserts: Batches::default(),
            settlements: Batches::default(),
            waking: Waking::default(),
            is_quiet: Cell::new(false),
        })
    }

    /// A call of a script; its arguments follow.
    pub(crate) fn call(&self, script: Script, instances: &[InstanceId]) -> Call {
        self.scripts.call(script, instances)
    }

    /// What the channels of all processes begin with.
    pub(crate) fn channel(&self) -> String {
        self.scripts.layout().channel()
    }

    /// The name of no process in particular: where a script begins to look for idle ones.
    pub(crate) fn random_process() -> String {
        format!("{:016x}", fastrand::u64(..))
    }

    /// The present by the clock that decides what is due, in microseconds since 1970.
    pub(crate) async fn now(&self) -> Result<u64, StoreError> {
        if let Some(told) = self.settings.clock.told() {
            return Ok(told);
        }
        let time = list(self.pulse.ask(&redis::cmd("TIME")).await?)?;
        let time: Vec<_> = time.into_iter().map(int).collect::<Result<_, _>>()?;
        match time[..] {
            [Some(seconds), Some(micros)] => Ok((seconds * 1_000_000 + micros).cast_unsigned()),
            _ => Err(strange("a time")),
        }
    }

    /// Calls a script about jobs.
    pub(crate) async fn bulk(&self, call: &Call) -> Result<Value, StoreError> {
        self.bulk.call(call).await
    }

    /// Calls a script whose changes count once the server keeps them as the settings ask.
    pub(crate) async fn keep(&self, call: &Call) -> Result<Value, StoreError> {
        match &self.turns {
            Some(turns) => turns.call(call).await,
            None => self.bulk.call(call).await,
        }
    }

    /// Whether changes count only once the server keeps them.
    pub(crate) fn waits_to_keep(&self) -> bool {
        self.turns.is_some()
    }

    /// Asks the server for its groups.
    pub(crate) async fn learn_groups(&self) -> Result<(), StoreError> {
        let names = self.scripts.layout().key(Key::Names);
        let mut ask = redis::cmd("HMGET");
        ask.arg(names).arg("#s").arg("#g");
        let mut answer = list(self.bulk.ask(&ask).await?)?.into_iter();
        let mut next = || answer.next().unwrap_or(Value::Nil);
        let stamp = optional(next())?.unwrap_or_default();
        let last = int(next())?.unwrap_or(0);
        let last = u16::try_from(last).map_err(|_| strange("a number of groups"))?;
        let mut groups = Vec::with_capacity(last.into());
        for part in (1..=last).collect::<Vec<_>>().chunks(1000) {
            let mut ask = redis::cmd("HMGET");
            ask.arg(names);
            for group in part {
                ask.arg([&b"G"[..], &group.to_be_bytes()].concat());
            }
            for group in list(self.bulk.ask(&ask).await?)? {
                groups.push(optional(group)?.unwrap_or_default());
            }
        }
        let groups = groups
            .iter()
            .filter_map(|group| std::str::from_utf8(group).ok());
        self.groups.learn(stamp, groups);
        Ok(())
    }
}
