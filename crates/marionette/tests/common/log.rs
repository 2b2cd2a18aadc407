//! A log that keeps what it gets, for tests to look at.
// Each test file is a crate of its own and uses a part.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::Attributes;
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Id, Level, Subscriber};
use tracing_subscriber::layer::{Context as LayerContext, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// A span or an event as it was logged.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) level: Level,
    pub(crate) fields: BTreeMap<&'static str, String>,
}

#[derive(Clone, Default)]
pub(crate) struct Log {
    pub(crate) events: Arc<Mutex<Vec<Entry>>>,
    pub(crate) spans: Arc<Mutex<Vec<Entry>>>,
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: LayerContext<'_, S>) {
        if event.metadata().target() == "marionette" {
            let mut fields = Fields::default();
            event.record(&mut fields);
            self.events.lock().expect("not poisoned").push(Entry {
                level: *event.metadata().level(),
                fields: fields.0,
            });
        }
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: LayerContext<'_, S>) {
        if attributes.metadata().target() == "marionette" {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            self.spans.lock().expect("not poisoned").push(Entry {
                level: *attributes.metadata().level(),
                fields: fields.0,
            });
        }
    }
}

impl Log {
    /// Records what happens on this thread.
    pub(crate) fn listen() -> (Self, DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::registry().with(log.clone());
        (log, tracing::subscriber::set_default(subscriber))
    }

    pub(crate) fn events(&self, level: Level) -> Vec<Entry> {
        let events = self.events.lock().expect("not poisoned");
        let of_level = events.iter().filter(|event| event.level == level);
        of_level.cloned().collect()
    }

    pub(crate) fn spans(&self) -> Vec<Entry> {
        self.spans.lock().expect("not poisoned").clone()
    }
}
