//! Telling a sender what became of a message: who is told, of what, in which words.

use admission::{Notice, Telling};
use mail::{Action, Charset, Domain, EnhancedCode, HeaderScan, Mailbox, MessageId, Notify, Original, Timestamp, Told};
use policy::{Basis, NoticeKind};
use spool::{Lease, LeasedRecipient};

use crate::outcome::Verdict;

/// What is told of one recipient.
#[derive(Clone, Debug)]
pub(crate) struct Item<'a> {
    pub(crate) recipient: &'a LeasedRecipient,
    pub(crate) verdict: &'a Verdict,
    pub(crate) action: Action,
}

/// Who writes, and about what.
pub(crate) struct Occasion<'a> {
    pub(crate) reporter: &'a Domain,
    pub(crate) from: &'a Mailbox,
    pub(crate) help: Option<&'a str>,
    pub(crate) at: Timestamp,
    pub(crate) lease: &'a Lease,
    /// The host that spoke, where one did.
    pub(crate) remote: Option<&'a str>,
    /// The head of the message, without the blank line; empty where it cannot be read.
    pub(crate) header: &'a [u8],
    /// All of it, where its sender asked for that and it is small.
    pub(crate) full: Option<&'a [u8]>,
}

/// Who is to hear this of a recipient, if anybody.
///
/// Nobody hears of the failure of a notice, and nobody hears what they did not want to (RFC 3461 §4.1). A device reads no
/// mail, so its grant's contact hears of delays and failures in its place; a success is told to whoever asked.
pub(crate) fn reader<'a>(lease: &'a Lease, recipient: &LeasedRecipient, kind: NoticeKind) -> Option<&'a Mailbox> {
    if matches!(recipient.basis, Basis::Notice { .. }) {
        return None;
    }
    let wanted = recipient.params.notify.unwrap_or(Notify::UNSAID);
    let sender = lease.reverse.mailbox();
    match kind {
        NoticeKind::Success => sender.filter(|_| wanted.on_success()),
        NoticeKind::Failure => lease.grant_contact.as_ref().or(sender).filter(|_| wanted.on_failure()),
        NoticeKind::Delay => lease.grant_contact.as_ref().or(sender).filter(|_| wanted.on_delay()),
        // It tells about no message.
        NoticeKind::Letter => None,
    }
}

/// Writes the notice, `None` where `to` is nobody who may hear of the message. `turn` tells several of one kind about the
/// same recipients apart.
pub(crate) fn write(
    occasion: &Occasion<'_>,
    kind: NoticeKind,
    to: &Mailbox,
    items: &[Item<'_>],
    turn: u8,
) -> Option<Notice> {
    let lease = occasion.lease;
    let about: Vec<u32> = items.iter().map(|item| item.recipient.index).collect();
    let subject = subject_of(occasion.header);
    let charset = charset_for(lease, to, items);
    let why: Vec<Option<&str>> = items.iter().map(|item| why_of(item.verdict)).collect();
    let told: Vec<Told<'_>> = items
        .iter()
        .zip(why)
        .map(|(item, why)| Told {
            recipient: &item.recipient.path,
            orcpt: item.recipient.params.orcpt.as_deref(),
            action: item.action,
            status: status_for(item),
            remote: occasion.remote.filter(|_| item.verdict.reply.is_some()),
            said: item.verdict.reply.as_ref(),
            why,
        })
        .collect();
    let notice = mail::Notice {
        id: id_of(lease.id, kind, &about, turn),
        reporter: occasion.reporter,
        from: occasion.from,
        to,
        at: occasion.at,
        original: Original {
            id: lease.id,
            envid: lease.params.envid.as_deref(),
            arrived: lease.received,
            subject: subject.as_deref(),
            ret: lease.params.ret,
            header: occasion.header,
            full: occasion.full,
        },
        recipients: &told,
        help: occasion.help,
        charset,
    };
    let message = notice.to_message().into();
    let telling = Telling {
        kind,
        about,
        turn,
        message,
        smtputf8: charset == Charset::Utf8,
    };
    Notice::new(lease, to, telling)
}

/// The class of the status fits the action (RFC 3464 §2.3.4): what expires was deferred to the last.
fn status_for(item: &Item<'_>) -> EnhancedCode {
    let class = match item.action {
        Action::Failed => 5,
        Action::Delayed { .. } => 4,
        Action::Delivered | Action::Relayed => 2,
    };
    let code = item.verdict.code;
    // RFC 3463 §3.5 knows the end of a life time as 4.4.7, and so do programs.
    if (code.subject, code.detail) == (4, 7) && class == 5 {
        code
    } else {
        EnhancedCode { class, ..code }
    }
}

/// Our own words, where no next hop spoke.
fn why_of(verdict: &Verdict) -> Option<&str> {
    if verdict.reply.is_none() {
        Some(&*verdict.text)
    } else {
        None
    }
}

/// Whoever sent with SMTPUTF8 can read it; contacts and others get US-ASCII unless their own address says more.
fn charset_for(lease: &Lease, to: &Mailbox, items: &[Item<'_>]) -> Charset {
    let wide = |item: &Item<'_>| item.recipient.path.mailbox().is_some_and(Mailbox::needs_smtputf8);
    let is_sender = lease.reverse.mailbox() == Some(to);
    let asked = is_sender && lease.params.smtputf8 && items.iter().any(wide);
    if to.needs_smtputf8() || asked {
        Charset::Utf8
    } else {
        Charset::Ascii
    }
}

fn subject_of(header: &[u8]) -> Option<Box<str>> {
    let mut scan = HeaderScan::default();
    scan.feed(header);
    scan.feed(b"\r\n");
    scan.finish().subject
}

/// The same notice has the same Message-ID when a crash makes us write it twice, so that mail programs can tell.
/// FNV-1a over what names it.
fn id_of(parent: MessageId, kind: NoticeKind, about: &[u32], turn: u8) -> MessageId {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut mix = |octets: &[u8]| {
        for octet in octets {
            hash = (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    mix(&parent.number().to_be_bytes());
    mix(&[kind as u8, turn]);
    for index in about {
        mix(&index.to_be_bytes());
    }
    MessageId::new(hash)
}
