//! What is done beside the writer, so that nobody who accepts waits for it: making segments ready, writing checkpoints.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use parking_lot::Mutex;

use crate::Writer;
use crate::checkpoint::{Checkpointed, Checkpointing};
use crate::core::Shared;

/// Work beside the writer's, one piece at a time: on a thread of its own, or at once where the order of everything
/// must follow from the seed. It ends before this does, for the spool's locks must not be given up before.
#[derive(Default)]
pub(crate) struct Aside {
    thread: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl Aside {
    pub(crate) fn is_busy(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Makes a segment ready.
    pub(crate) fn fill_spare(&mut self, shared: &Arc<Shared>) {
        if !self.is_busy() {
            let (mode, shared, stop) = (shared.mode, shared.clone(), self.stop.clone());
            self.run(mode, move || shared.fill_spare(&stop));
        }
    }

    /// Writes a checkpoint; what becomes of it is put into `done`.
    pub(crate) fn write_checkpoint(
        &mut self,
        mode: Writer,
        work: Checkpointing,
        done: Arc<Mutex<Option<Checkpointed>>>,
    ) {
        self.run(mode, move || {
            let written = work.write();
            *done.lock() = Some(written);
        });
    }

    /// Returns when nothing is being done any more.
    pub(crate) fn wait(&mut self) {
        if let Some(thread) = self.thread.take() {
            // Its panic, if any, was told where it happened.
            let _ = thread.join();
        }
    }

    fn run(&mut self, mode: Writer, work: impl FnOnce() + Send + 'static) {
        self.thread = None;
        if mode == Writer::Task {
            return work();
        }
        let spawned = std::thread::Builder::new().name("spool-aside".to_owned()).spawn(work);
        match spawned {
            Ok(thread) => self.thread = Some(thread),
            Err(error) => tracing::warn!(%error, "no thread for work beside the spool's"),
        }
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.wait();
    }
}
