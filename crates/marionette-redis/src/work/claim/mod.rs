//! Gives an instance jobs that are due.

mod lanes;
mod taken;

use std::rc::Rc;
use std::time::Duration;

use marionette::store::{CALL_BYTES_MAX, CALL_ROWS_MAX, Claim, Claimed, StoreError};

use self::lanes::Lanes;
use self::taken::{Answer, Taken};
use crate::scripts::{Call, Script};
use crate::server::Server;

/// The most jobs that one script gives.
const STEP: usize = 1000;

/// In how many parts a claim looks at lanes that are too many for one script.
const PARTS_MAX: usize = 16;

/// What a claim still asks for.
#[derive(Debug)]
struct Room {
    jobs: usize,
    suspects: usize,
    bytes: usize,
    /// How many parts of the groups were looked at, where they are too many for one script.
    parts: usize,
}

/// What a script is to look at.
#[derive(Debug)]
struct Look {
    lanes: Lanes,
    /// In how many microseconds a job may be due, if none is.
    next_due: Option<u64>,
    /// Whether there are other lanes to look at.
    has_more: bool,
}

impl Server {
    pub(crate) async fn claim(self: Rc<Self>, claim: Claim) -> Result<Vec<Claimed>, StoreError> {
        let mut claimed = Vec::new();
        let mut room = Room {
            jobs: claim.limit.min(CALL_ROWS_MAX),
            suspects: claim.suspects,
            bytes: CALL_BYTES_MAX,
            parts: 0,
        };
        while room.jobs > 0 && room.bytes > 0 {
            match self.claim_step(&claim, &mut room, &mut claimed).await {
                Ok(true) => {}
                Ok(false) => break,
                // What was claimed already is not lost.
                Err(_) if !claimed.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(claimed)
    }

    /// Claims what one script gives; whether another one may give more.
    async fn claim_step(
        self: &Rc<Self>,
        claim: &Claim,
        room: &mut Room,
        claimed: &mut Vec<Claimed>,
    ) -> Result<bool, StoreError> {
        let look = self.next_look(claim, room).await?;
        let call = self.claim_call(claim, &look.lanes, room);
        let answer = Answer::read(self.bulk(&call).await?)?;
        if !self.groups.are_all(&answer.stamp) {
            // Nothing was claimed: a group that is new may go before the others.
            room.parts = 0;
            self.learn_groups().await?;
            return Ok(true);
        }
        let next_due = [answer.next_due, look.next_due].into_iter().flatten().min();
        let next_due = next_due.map(Duration::from_micros);
        let took = !answer.taken.is_empty() || !claimed.is_empty();
        let is_more = answer.is_more || look.has_more;
        self.prospects.note(&claim.wanted, took, is_more, next_due);
        let goes_on = if answer.is_more {
            !answer.taken.is_empty()
        } else {
            look.has_more && room.parts < PARTS_MAX
        };
        room.parts += usize::from(!answer.is_more);
        self.hand_out(claim, answer.taken, room, claimed).await?;
        Ok(goes_on)
    }

    /// What the next script is to look at: all that is wanted, unless that is too much for one.
    async fn next_look(&self, claim: &Claim, room: &Room) -> Result<Look, StoreError> {
        let groups = self.groups.wanted(&claim.wanted);
        let mut queues = claim.wanted.queues.to_vec();
        // A queue that is named twice is still one queue.
        queues.sort_unstable();
        queues.dedup();
        let mut look = Look {
            lanes: Lanes::Of(Vec::new(), Vec::new()),
            next_due: None,
            has_more: false,
        };
        if Lanes::are_few(&groups, &queues) {
            look.lanes = Lanes::Of(groups, queues);
        } else if queues.is_empty() {
            let mut parts = groups.chunks(lanes::MOST).skip(room.parts);
            let part = parts.next().unwrap_or_default();
            look.lanes = Lanes::Of(part.to_vec(), queues);
            look.has_more = parts.next().is_some();
        } else {
            let with_suspects = room.suspects > 0;
            let oldest = self.oldest_lanes(&groups, &queues, with_suspects).await?;
            (look.lanes, look.next_due) = oldest;
            look.has_more = look.lanes.is_whole();
        }
        Ok(look)
    }

    fn claim_call(&self, claim: &Claim, lanes: &Lanes, room: &Room) -> Call {
        let mut call = self.call(Script::Claim, &[claim.instance]);
        call.arg(claim.instance.uuid().as_bytes())
            .arg(room.jobs.min(STEP))
            .arg(room.suspects.min(CALL_ROWS_MAX))
            .arg(fastrand::u32(..))
            .arg(self.channel())
            .arg(Self::random_process())
            .arg(self.groups.stamp());
        lanes.write(&mut call);
        call
    }

    /// Adds jobs that were given to the instance. Those that cannot be read end.
    async fn hand_out(
        self: &Rc<Self>,
        claim: &Claim,
        all: Vec<Taken>,
        room: &mut Room,
        claimed: &mut Vec<Claimed>,
    ) -> Result<(), StoreError> {
        let mut spoilt = Vec::new();
        for taken in all {
            room.bytes = room.bytes.saturating_sub(taken.body.len());
            if taken.member.is_suspect {
                room.suspects = room.suspects.saturating_sub(1);
            }
            match taken.claimed(claim.instance) {
                Ok(job) => {
                    room.jobs -= 1;
                    claimed.push(job);
                }
                Err(what) => spoilt.push((taken.lease(claim.instance, 0), what)),
            }
        }
        if spoilt.is_empty() {
            return Ok(());
        }
        self.quarantine(spoilt).await
    }
}
