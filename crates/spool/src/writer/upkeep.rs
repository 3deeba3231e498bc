//! What keeps the log short and the next start quick: segments made ready, checkpoints, what is cleared away.

use std::io;
use std::time::Duration;

use super::LogWriter;

impl LogWriter {
    /// Closes a segment that is full, or that grows although a spare is there; has the next one made ready in time.
    pub(super) fn look_ahead(&mut self) {
        if self.log.is_segment_full() {
            self.log.close_segment();
        } else if self.log.wants_spare() {
            if !self.shared.has_spare() {
                self.aside.fill_spare(&self.shared);
            } else if self.log.grows() {
                self.log.close_segment();
            }
        }
    }

    /// Moves what should move, writes a checkpoint, deletes what nobody needs.
    pub(super) fn look_after(&mut self) {
        self.forget_old_testimony();
        if self.checkpointing {
            return;
        }
        self.sweep();
        self.checkpoint_aside();
        self.carry_out_all();
    }

    /// Lets go of the testimony that the ledger has; says what time it is, by the stopwatch.
    pub(crate) fn forget_old_testimony(&mut self) -> Duration {
        let now = self.shared.world.clock.monotonic();
        self.recent.forget(self.shared.told.get().map_or(now, |told| told()));
        now
    }

    /// Writes a checkpoint while others are served.
    pub(crate) fn checkpoint_aside(&mut self) {
        let begun = self.begin_checkpoint();
        self.checkpointing = true;
        self.checkpointer
            .write_checkpoint(self.shared.mode, begun, self.checkpointed.clone());
        self.look_for_checkpoint();
    }

    /// Whether the checkpoint that was begun is written, and what follows from it.
    pub(super) fn look_for_checkpoint(&mut self) {
        if !self.checkpointing || self.checkpointer.is_busy() {
            return;
        }
        self.checkpointing = false;
        let done = self.checkpointed.lock().take();
        let written = match done {
            Some(done) => self.conclude_checkpoint(done),
            None => {
                self.shared.index.lock().end_image();
                Err(io::Error::other("it was not written to its end"))
            }
        };
        self.complain(&written);
        if written.is_ok() {
            self.delete_dead_segments();
        }
    }

    pub(super) fn complain(&mut self, written: &io::Result<()>) {
        if let Err(error) = written {
            // The log alone is enough; the next start reads a longer tail.
            tracing::warn!(event = "spool.no_checkpoint", %error, "no checkpoint could be written");
            // Tried again when the log has doubled: `work` asks at half of this.
            self.checkpoint_octets = self.log.grown.saturating_mul(4);
        }
    }
}
