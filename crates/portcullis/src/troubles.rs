//! Our own troubles, in the log of events: what rooms say through `tracing` becomes lines of the [`Journal`], so that one
//! stream in one form tells everything.

use std::sync::Arc;

use mail::Timestamp;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry};
use world::Clock;

use crate::config::LogLevel;
use crate::journal::Journal;

/// Writes troubles from `level` on, or as `RUST_LOG` asks, into the journal, for the rest of the process.
pub fn into_journal(journal: Journal, clock: Arc<dyn Clock>, level: LogLevel) {
    let layer = Troubles { journal, clock };
    // Somebody who set up a subscriber before us wants to hear it their way.
    let _ = Registry::default().with(wanted(level)).with(layer).try_init();
}

/// What is said: ours from `level` on, and of libraries only what may become a trouble.
pub(crate) fn wanted(level: LogLevel) -> EnvFilter {
    let level = level.name();
    EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("{level},rustls=warn,hickory_net=warn,hickory_proto=warn")))
}

struct Troubles {
    journal: Journal,
    clock: Arc<dyn Clock>,
}

impl<S: tracing::Subscriber> Layer<S> for Troubles {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let name = match fields.0.remove("event") {
            Some(Value::String(name)) => name,
            _ => metadata.target().to_owned(),
        };
        fields.0.insert(
            "level".to_owned(),
            metadata.level().as_str().to_ascii_lowercase().into(),
        );
        if let Some(text) = fields.0.remove("message") {
            fields.0.insert("text".to_owned(), text);
        }
        self.journal.note(Timestamp(self.clock.wall()), &name, &fields.0);
    }
}

/// The fields of one event, as JSON.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
}
