//! Hears what the spool says to its operator.

use std::fmt::{Debug, Write};
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// What was said at level WARN or above, each as `name: field=value …`.
#[derive(Clone, Default)]
pub struct Ear(Arc<Mutex<Vec<String>>>);

impl Ear {
    /// Tells this story; what it says is heard here.
    pub fn listen<T>(&self, tale: impl FnOnce() -> T) -> T {
        tracing::subscriber::with_default(self.clone(), tale)
    }

    /// What was said since the last time.
    pub fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock())
    }

    /// The names of what was said since the last time.
    pub fn names(&self) -> Vec<String> {
        let name = |said: String| said.split(':').next().unwrap_or_default().to_owned();
        self.heard().into_iter().map(name).collect()
    }
}

impl Subscriber for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut said = Said::default();
        event.record(&mut said);
        self.0.lock().push(format!("{}:{}", said.name, said.fields));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Said {
    name: String,
    fields: String,
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "event" => self.name = value.to_owned(),
            _ => self.record_debug(field, &value),
        }
    }
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.fields, " {}={value:?}", field.name());
    }
}
