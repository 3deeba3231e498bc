//! The desk where the back gate hands in its notices: admission's.

use admission::Admission;
use outbound::{Notice, NoticeDesk, NoticeRefused};
use world::BoxFuture;

/// Admits notices.
pub(super) struct Desk(pub(super) Admission);

impl NoticeDesk for Desk {
    fn post(&self, notice: Notice) -> BoxFuture<'_, Result<(), NoticeRefused>> {
        let Notice {
            parent,
            kind,
            about,
            to,
            message,
            smtputf8,
        } = notice;
        let notice = admission::Notice {
            parent,
            kind,
            about,
            to,
            message,
            smtputf8,
        };
        Box::pin(async move {
            let posted = self.0.post_notice(notice).await;
            posted.map(|_| ()).map_err(|why| NoticeRefused {
                why: why.to_string().into(),
            })
        })
    }
}
