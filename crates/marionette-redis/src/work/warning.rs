//! Asks the server how it fares, for people.

use redis::Value;

use crate::server::Server;

impl Server {
    /// Something about the server that somebody should see to.
    pub(crate) async fn warning(&self) -> Option<String> {
        let now = self.settings.clock.monotonic();
        if self.health.borrow_mut().is_to_ask(now) {
            let mut ask = redis::cmd("INFO");
            ask.arg("memory").arg("persistence");
            // Where it may not be asked there is no warning.
            if let Ok(told) = self.pulse.ask(&ask).await {
                self.health.borrow_mut().told(&text(told));
            }
        }
        let findings = &self.way.findings;
        let mut health = self.health.borrow_mut();
        if findings.take_lost() {
            health.lost(now);
        }
        let warning = health.warning(&self.settings.name, now);
        warning.or_else(|| findings.warning())
    }
}

fn text(told: Value) -> String {
    match told {
        Value::VerbatimString { text, .. } => text,
        Value::BulkString(text) => String::from_utf8_lossy(&text).into_owned(),
        _ => String::new(),
    }
}
