//! Gives an instance jobs that are due.

mod taken;

use std::rc::Rc;
use std::time::Duration;

use marionette::store::{CALL_BYTES_MAX, CALL_ROWS_MAX, Claim, Claimed, StoreError};

use self::taken::Answer;
use crate::groups::Group;
use crate::scripts::{Call, Script};
use crate::server::Server;

/// The most jobs that one script gives.
const STEP: usize = 1000;

/// What a claim still asks for.
#[derive(Debug)]
struct Room {
    jobs: usize,
    suspects: usize,
    bytes: usize,
}

impl Server {
    pub(crate) async fn claim(self: Rc<Self>, claim: Claim) -> Result<Vec<Claimed>, StoreError> {
        let mut claimed = Vec::new();
        let mut room = Room {
            jobs: claim.limit.min(CALL_ROWS_MAX),
            suspects: claim.suspects,
            bytes: CALL_BYTES_MAX,
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
        let groups = self.groups.wanted(&claim.wanted);
        let call = self.claim_call(claim, &groups, room);
        let answer = Answer::read(self.bulk(&call).await?)?;
        if !self.groups.are_all(&answer.stamp) {
            // Nothing was claimed: a group that is new may go before the others.
            self.learn_groups().await?;
            return Ok(true);
        }
        let next_due = answer.next_due.map(Duration::from_micros);
        let took = !answer.taken.is_empty() || !claimed.is_empty();
        let is_more = answer.is_more;
        self.prospects.note(&claim.wanted, took, is_more, next_due);
        let is_more = answer.is_more && !answer.taken.is_empty();
        let mut spoilt = Vec::new();
        for taken in answer.taken {
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
        if !spoilt.is_empty() {
            self.quarantine(spoilt).await?;
        }
        Ok(is_more)
    }

    fn claim_call(&self, claim: &Claim, groups: &[Group], room: &Room) -> Call {
        let queues = &claim.wanted.queues;
        let mut call = self.call(Script::Claim, &[claim.instance]);
        call.arg(claim.instance.uuid().as_bytes())
            .arg(room.jobs.min(STEP))
            .arg(room.suspects.min(CALL_ROWS_MAX))
            .arg(fastrand::u32(..))
            .arg(self.channel())
            .arg(Self::random_process())
            .arg(self.groups.stamp())
            .arg(groups.len())
            .arg(queues.len());
        for group in groups {
            call.arg(group.to_string());
        }
        for queue in queues.iter() {
            call.arg(queue.as_str());
        }
        call
    }
}
