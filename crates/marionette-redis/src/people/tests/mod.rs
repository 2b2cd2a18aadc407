//! A store on a real server for the tests of this module, with jobs that the scripts put there.

mod look;
mod change;

use marionette::TaskId;
use marionette::inspect::{By, Filter, JobDetails, JobSummary, Page, Which};
use marionette::store::{InstanceId, InstanceInfo, JobState, Name, NewJob};
use marionette_servers::RedisServer;
use tokio::task::LocalSet;

use super::Change;
use crate::address::Address;
use crate::codec::{bytes, encode, list};
use crate::layout::Key;
use crate::options::RedisOptions;
use crate::scripts::Script;
use crate::server::Server;

/// A store on a server of its own.
struct Bed {
    server: Server,
    instance: InstanceId,
    _redis: RedisServer,
}

/// Does this with a store on a server of its own.
fn on_a_server(test: impl AsyncFnOnce(Bed)) {
    let Some(redis) = RedisServer::start() else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let work = async {
        let settings = RedisOptions::default()
            .name(RedisServer::any_name())
            .settings;
        let server = Server::connect(Address::parse(&redis.url()).unwrap(), settings)
            .await
            .expect("a store");
        let bed = Bed {
            server,
            instance: InstanceId::new(),
            _redis: redis,
        };
        bed.renew(bed.instance).await;
        test(bed).await;
    };
    LocalSet::new().block_on(&runtime.expect("a runtime"), work);
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn job() -> NewJob {
    NewJob::new(name("mail"), b"{}".to_vec())
}

fn by() -> By {
    By::new("ada", "test")
}

impl Bed {
    async fn renew(&self, instance: InstanceId) {
        let info = InstanceInfo::new(instance, "server", 4).host("here");
        self.server
            .renew(info, Vec::new())
            .await
            .expect("a sign of life");
    }

    /// Inserts jobs of one place, due after this many microseconds.
    async fn insert_after(&self, jobs: &[NewJob], after: u64) {
        let mut call = self.server.call(Script::Insert, &[]);
        call.arg(self.server.channel())
            .arg("stamp")
            .arg(Server::random_process());
        let first = &jobs[0];
        call.arg(1)
            .arg(first.priority.get())
            .arg(&*first.kind)
            .arg(&*first.queue);
        call.arg(1).arg("a").arg(after).arg(-1).arg(jobs.len());
        for job in jobs {
            call.arg(job.id.uuid().as_bytes());
            call.arg(encode(job).expect("a body"));
        }
        self.server.bulk(&call).await.expect("they are accepted");
    }

    async fn insert(&self, job: NewJob) -> TaskId {
        self.insert_after(std::slice::from_ref(&job), 0).await;
        job.id
    }

    async fn insert_many(&self, count: usize) -> Vec<TaskId> {
        let jobs: Vec<_> = (0..count).map(|_| job()).collect();
        for jobs in jobs.chunks(1_000) {
            self.insert_after(jobs, 0).await;
        }
        jobs.into_iter().map(|job| job.id).collect()
    }

    /// Claims jobs of the kind `mail`: their ids and tokens.
    async fn claim(&self, limit: usize) -> Vec<(TaskId, Vec<u8>)> {
        self.server.learn_groups().await.expect("an answer");
        let mut call = self.server.call(Script::Claim, &[self.instance]);
        call.arg(self.instance.uuid().as_bytes());
        call.arg(limit).arg(1).arg(7).arg(self.server.channel());
        call.arg(Server::random_process())
            .arg(self.server.groups.stamp())
            .arg(1)
            .arg(0)
            .arg("0/mail");
        let mut answer = list(self.server.bulk(&call).await.expect("an answer")).expect("a list");
        let members = list(answer.remove(4)).expect("members").into_iter();
        let mut token = bytes(answer.remove(3)).expect("a token");
        // Those that were claimed before have a token of their own.
        if let Some(own) = answer.get(5) {
            token = bytes(own.clone()).expect("a token");
        }
        let id = |member: redis::Value| {
            let member = bytes(member).expect("a member");
            uuid::Uuid::from_slice(&member[13..29])
                .expect("an id")
                .into()
        };
        members.map(|member| (id(member), token.clone())).collect()
    }

    /// Settles a job: what follows with its argument, whether it failed, and the attempt.
    async fn settle(
        &self,
        job: &(TaskId, Vec<u8>),
        how: &str,
        value: &[u8],
        attempt: &[u8],
    ) -> String {
        let mut call = self.server.call(Script::Settle, &[self.instance]);
        call.arg(self.server.channel())
            .arg(Server::random_process());
        call.arg(100_000)
            .arg(1)
            .arg(self.instance.uuid().as_bytes());
        call.arg(1)
            .arg(job.0.uuid().as_bytes())
            .arg(&job.1[..])
            .arg(how);
        call.arg(value)
            .arg("")
            .arg(u8::from(attempt.first() == Some(&b'1')))
            .arg(attempt);
        let answer = self.server.bulk(&call).await.expect("an answer");
        String::from_utf8(bytes(answer).expect("letters")).expect("letters")
    }

    async fn job(&self, id: TaskId) -> JobDetails {
        let job = self.server.job(id).await.expect("an answer");
        job.expect("it is known")
    }

    async fn state(&self, id: TaskId) -> JobState {
        self.job(id).await.summary.state
    }

    async fn pages(&self, filter: &Filter, limit: usize) -> Vec<JobSummary> {
        let (mut jobs, mut page) = (Vec::new(), Page::first(limit));
        loop {
            let listed = self
                .server
                .list(filter.clone(), page)
                .await
                .expect("a page");
            assert!(listed.jobs.len() <= limit);
            jobs.extend(listed.jobs);
            match listed.next {
                Some(next) => page.after = Some(next),
                None => return jobs,
            }
        }
    }

    async fn found(&self, filter: Filter) -> Vec<TaskId> {
        let mut ids: Vec<_> = self
            .pages(&filter, 7)
            .await
            .iter()
            .map(|job| job.id)
            .collect();
        ids.sort_unstable();
        ids
    }

    /// One job in each state but quarantined, in the order of [`JobState::ALL`].
    async fn one_of_each(&self) -> Vec<TaskId> {
        let retrying = self.claimed().await;
        let failed = [b"1", &7_u64.to_be_bytes()[..], b"e", b"try again"].concat();
        self.settle(&retrying, "a", b"5000000000", &failed).await;
        let done = self.claimed().await;
        let succeeded = [b"0", &7_u64.to_be_bytes()[..]].concat();
        self.settle(&done, "d", b"rresult", &succeeded).await;
        let dead = self.claimed().await;
        let failed = [b"1", &7_u64.to_be_bytes()[..], b"e", b"fatal"].concat();
        self.settle(&dead, "b", b"f", &failed).await;
        let cancelled = self.claimed().await;
        self.settle(&cancelled, "c", b"eexpired", b"").await;
        let running = self.claimed().await;
        let scheduled = job();
        self.insert_after(std::slice::from_ref(&scheduled), 5_000_000_000)
            .await;
        let ready = self.insert(job()).await;
        let ids = [retrying, running, done, dead, cancelled];
        let mut all = vec![ready, scheduled.id];
        all.extend(ids.map(|(id, _)| id));
        for (id, state) in all.iter().zip(JobState::ALL) {
            assert_eq!(self.state(*id).await, state);
        }
        all
    }

    async fn change(&self, which: impl Into<Which>, change: Change) -> u64 {
        let changed = self.server.change(which.into(), change, by()).await;
        changed.expect("a change")
    }

    async fn claimed(&self) -> (TaskId, Vec<u8>) {
        let id = self.insert(job()).await;
        let claimed = self.claim(1).await.remove(0);
        assert_eq!(claimed.0, id);
        claimed
    }

    fn key(&self, key: Key) -> &str {
        self.server.scripts.layout().key(key)
    }
}
