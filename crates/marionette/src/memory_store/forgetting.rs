//! The loss of claims, as tests need it: a server that failed over, or lost its power, may have
//! forgotten claims that it gave away, while the instances that have them live on.

use crate::memory_store::MemoryStore;
use crate::memory_store::row::{Row, RowState};
use crate::memory_store::tables::Tables;
use crate::store::Lease;

impl MemoryStore {
    /// Forgets the newest `count` claims that still hold, as a server does that lost its last
    /// writes: their jobs wait again as if they had not been claimed. Returns those leases.
    ///
    /// A claim after which somebody cancelled its job is not forgotten, since stores do not forget
    /// what a person changed, nor anything before it.
    pub fn forget_claims(&self, count: usize) -> Vec<Lease> {
        let forgotten = self.shared.state.lock().forget_claims(count);
        self.shared.news.notify_waiters();
        self.shared.stirred.notify_waiters();
        forgotten
    }
}

impl Tables {
    fn forget_claims(&mut self, count: usize) -> Vec<Lease> {
        let mut claims = Vec::new();
        for (&key, row) in &self.rows {
            if let RowState::Running(running) = &row.phase
                && !row.job.is_to_be_cancelled()
            {
                claims.push((running.claimed, key));
            }
        }
        claims.sort_unstable();
        let newest = claims.split_off(claims.len().saturating_sub(count));
        newest
            .into_iter()
            .filter_map(|(_, key)| self.change(key, forget_claim)?)
            .collect()
    }
}

fn forget_claim(row: &mut Row) -> Option<Lease> {
    let lease = row.job.lease();
    if let RowState::Running(running) = std::mem::replace(&mut row.phase, RowState::Waiting) {
        row.job = *running.before;
    }
    lease
}
