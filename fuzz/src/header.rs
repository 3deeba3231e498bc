//! The header scan, and the lists of addresses in it.

use mail::{HeaderEnd, HeaderScan, Mailbox, ScannedHeaders};

use crate::bites::{Bites, cut};

/// What headers are made of.
pub(crate) const WORDS: &[&[u8]] = &[
    b"From: ",
    b"Sender: ",
    b"Subject: ",
    b"Date: x\r\n",
    b"Message-ID: <a@b>\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\r\n ",
    b"Received: from a by b.example with C; d\r\n",
    b"a@example.edu",
    b"\"A. B\" <a@b.c>",
    b"group: a@b.c, d@e.f;",
    b"(comment (nested))",
    b"<",
    b">",
    b"\"",
    b"\\",
    b"[192.0.2.1]",
    b"=?utf-8?q?x?=",
    b"\xc3\xbc@\xc3\xbc.example",
    b"DKIM-Signature: v=1\r\n",
    b"List-Id: x\r\n",
    b"Precedence: bulk\r\n",
    b"Auto-Submitted: no\r\n",
    b"Content-Transfer-Encoding: 8bit\r\n",
    b"MIME-Version: 1.0\r\n",
    b"From : a@b.c\r\n",
    b"\0",
    b"\n",
    b"\r",
];

/// Characters of kept texts at most.
const TEXT_CHARS_MAX: usize = 250;

/// Cuts make no difference, places lie inside, kept texts are short and printable, and mailboxes can be read again.
pub(crate) fn run(octets: &[u8]) {
    let mut bites = Bites(octets);
    let (seed, limit) = (
        bites.octet(),
        [64, 500, mail::HEADER_OCTETS_MAX][usize::from(bites.octet() % 3)],
    );
    let message = bites.0;
    let scan = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut scan = HeaderScan::new(limit);
        pieces.for_each(|piece| scan.feed(piece));
        scan.finish()
    };
    let whole = scan(&mut std::iter::once(message));
    assert_eq!(whole, scan(&mut cut(message, seed)), "cut with {seed}");
    assert_eq!(whole, scan(&mut message.chunks(1)), "octet by octet");
    check(&whole, message, limit);
}

fn check(found: &ScannedHeaders, message: &[u8], limit: usize) {
    let len = message.len() as u64;
    assert!(found.end <= found.body_at && found.body_at <= len, "{found:?}");
    assert!(
        found.end <= limit as u64 + 2 || found.ended_by == HeaderEnd::TooLarge,
        "{found:?}"
    );
    if let Some(range) = &found.empty_from {
        assert!(range.start < range.end && range.end <= found.end, "{found:?}");
    }
    let texts = [&found.subject, &found.message_id, &found.first_invalid_name];
    for text in texts.into_iter().flatten() {
        assert!(
            text.chars().count() <= TEXT_CHARS_MAX && !text.contains(char::is_control),
            "{text:?}"
        );
    }
    for mailbox in found.from.mailboxes().iter().chain(found.sender.mailboxes()) {
        let text = mailbox.to_string();
        assert_eq!(
            Mailbox::parse(&text).as_ref(),
            Ok(mailbox),
            "{text:?} is read otherwise"
        );
        assert!(!text.contains(['\r', '\n', '\0']), "{text:?}");
    }
}
