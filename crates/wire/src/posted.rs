//! A future that is asked again only when it has called.
//!
//! A session waits for its client and, beside that, for what hardly ever comes: a deadline, the end of the house. Whoever
//! waits for several things asks all of them whenever one calls, and asking costs locks. What is posted is asked once; from
//! then on a look at its bell is enough.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker, ready};

use futures_util::task::AtomicWaker;
use world::BoxFuture;

/// Stays where it is while its owner turns to others. Ends once; not to be asked behind that.
pub(crate) struct Posted {
    future: BoxFuture<'static, ()>,
    bell: Arc<Bell>,
    /// Rings the bell.
    ringer: Waker,
    /// Who asked last.
    sleeper: Waker,
}

/// What the future rings instead of waking its owner's task.
struct Bell {
    rung: AtomicBool,
    /// Whom to wake; gone once it was woken.
    sleeper: AtomicWaker,
}

impl Posted {
    pub(crate) fn new(future: BoxFuture<'static, ()>) -> Self {
        let bell = Arc::new(Bell {
            // It was never asked.
            rung: AtomicBool::new(true),
            sleeper: AtomicWaker::new(),
        });
        Self {
            future,
            ringer: bell.clone().into(),
            bell,
            sleeper: Waker::noop().clone(),
        }
    }
}

impl Future for Posted {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let rung = self.bell.rung.load(Ordering::Acquire);
        if !rung && self.sleeper.will_wake(cx.waker()) {
            return Poll::Pending;
        }
        self.sleeper.clone_from(cx.waker());
        self.bell.sleeper.register(cx.waker());
        // Looked at once more: what rang before it knew this task woke another one.
        if !self.bell.rung.load(Ordering::SeqCst) {
            return Poll::Pending;
        }
        // Before the future is asked: what rings meanwhile is not missed.
        self.bell.rung.store(false, Ordering::SeqCst);
        let this = &mut *self;
        ready!(this.future.as_mut().poll(&mut Context::from_waker(&this.ringer)));
        Poll::Ready(())
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::SeqCst);
        self.sleeper.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Counts how often it is asked, and keeps whom to wake.
    #[derive(Default)]
    struct Door {
        asked: AtomicUsize,
        open: AtomicBool,
        outside: Mutex<Option<Waker>>,
    }

    fn posted_at(door: &Arc<Door>) -> Posted {
        let door = door.clone();
        Posted::new(Box::pin(std::future::poll_fn(move |cx| {
            door.asked.fetch_add(1, Ordering::Relaxed);
            *door.outside.lock().unwrap() = Some(cx.waker().clone());
            if door.open.load(Ordering::Relaxed) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })))
    }

    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn it_is_asked_once_and_again_only_when_it_rang() {
        let (door, task) = (Arc::new(Door::default()), Arc::new(Task::default()));
        let mut posted = posted_at(&door);
        let waker: Waker = task.clone().into();
        let mut poll = || Pin::new(&mut posted).poll(&mut Context::from_waker(&waker));
        for _ in 0..3 {
            assert!(poll().is_pending());
        }
        assert_eq!(door.asked.load(Ordering::Relaxed), 1);
        door.open.store(true, Ordering::Relaxed);
        door.outside.lock().unwrap().take().unwrap().wake();
        assert_eq!(task.0.load(Ordering::Relaxed), 1);
        assert!(poll().is_ready());
    }

    #[test]
    fn it_wakes_the_task_that_asked_last() {
        let (door, first, second) = (
            Arc::new(Door::default()),
            Arc::<Task>::default(),
            Arc::<Task>::default(),
        );
        let mut posted = posted_at(&door);
        for task in [&first, &second] {
            let waker: Waker = task.clone().into();
            assert!(
                Pin::new(&mut posted)
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
            );
        }
        door.outside.lock().unwrap().take().unwrap().wake();
        let woken = [&first, &second].map(|task| task.0.load(Ordering::Relaxed));
        assert_eq!(woken, [0, 1]);
    }
}
