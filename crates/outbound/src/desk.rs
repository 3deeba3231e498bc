//! The desk where notices are handed in: the scale's, for we can store nothing ourselves.

use admission::{Admission, Notice};
use world::BoxFuture;

/// Where notices are handed in.
pub trait NoticeDesk: Send + Sync + 'static {
    /// Admits the notice; when this has returned `Ok` it is durable, or the same was there before.
    fn post(&self, notice: Notice) -> BoxFuture<'_, Result<(), NoticeRefused>>;
}

/// The notice could not be admitted now; what it tells of stays as it was and is told later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the notice was not admitted: {why}")]
pub struct NoticeRefused {
    /// Why.
    pub why: Box<str>,
}

impl NoticeDesk for Admission {
    fn post(&self, notice: Notice) -> BoxFuture<'_, Result<(), NoticeRefused>> {
        Box::pin(async move {
            let posted = self.post_notice(notice).await;
            posted.map(|_| ()).map_err(|error| NoticeRefused {
                why: error.to_string().into(),
            })
        })
    }
}
