//! Messages, scanned.

use super::*;
use proptest::prelude::*;

fn scan(text: &[u8]) -> ScannedHeaders {
    let mut scan = HeaderScan::default();
    scan.feed(text);
    scan.finish()
}

fn from(text: &str) -> Originator {
    scan(format!("{text}\r\n\r\n").as_bytes()).from
}

#[test]
fn an_ordinary_message_is_understood() {
    let text = b"Received: from x (by evil) by MX.example.net; now\r\nFROM: A <a@b.c>\r\nSubject: a\r\n b\r\nDate: x\r\n\
        Message-ID: <1@b.c>\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: 8BIT (x)\r\nAuto-Submitted: auto-replied\r\n\
        DKIM-Signature: x\r\nList-Id: y\r\nPrecedence: Bulk\r\n\r\nb\xfcdy\r\n";
    let found = scan(text);
    assert_eq!(found.from, Originator::One("a@b.c".parse().unwrap()));
    assert_eq!(found.sender, Originator::Missing);
    assert_eq!(
        (found.subject.as_deref(), found.message_id.as_deref()),
        (Some("a b"), Some("<1@b.c>"))
    );
    assert!(found.has_date && found.has_mime_version && found.auto_submitted && found.is_list && found.is_bulk);
    assert_eq!(
        (found.received, &*found.received_by),
        (1, &["mx.example.net".into()][..])
    );
    assert_eq!(
        (found.dkim_signatures, found.transfer_encoding),
        (1, TransferEncoding::EightBit)
    );
    assert_eq!((found.ended_by, found.body_at - found.end), (HeaderEnd::BlankLine, 2));
    assert_eq!(text.len() as u64 - found.body_at, 6);
    assert!(found.body_eight_bit && !found.header_eight_bit);
    assert!(found.duplicates.is_empty() && found.invalid_names == 0);
}

#[test]
fn a_field_that_only_resembles_from_makes_from_malformed() {
    for trick in [
        "Fr om: e@e.e\r\nFrom: g@g.g",
        "From: g@g.g\r\nFrom : e@e.e",
        "From: g@g.g\r\nFrom: e@e.e",
        "From:\r\nFrom: e@e.e",
        "From: ,",
    ] {
        assert_eq!(from(trick), Originator::Malformed, "{trick}");
    }
    let found = scan(b"From\t: a@b.c\r\n\r\n");
    assert_eq!(
        (found.invalid_names, found.first_invalid_name.as_deref()),
        (1, Some("From "))
    );
    assert_eq!(
        scan(b"From: a@b.c\r\nfrom: a@b.c\r\nTo: x\r\nTo: y\r\n\r\n").duplicates,
        ["From", "To"]
    );
}

#[test]
fn a_header_that_was_not_read_to_its_end_has_no_from_to_rely_on() {
    let filler = "X-Filler: x\r\n".repeat(10);
    for front in ["From: a@b.c\r\n", "From:\r\n", ""] {
        let mut scan = HeaderScan::new(100);
        scan.feed(format!("{front}{filler}From: e@e.e\r\n\r\n").as_bytes());
        let found = scan.finish();
        assert_eq!(found.ended_by, HeaderEnd::TooLarge);
        assert_eq!((found.from, found.empty_from), (Originator::Malformed, None), "{front}");
    }
}

#[test]
fn an_empty_from_is_missing_and_known_by_its_place() {
    let found = scan(b"To: x\r\nFrom: \r\n \r\nSubject: y\r\n\r\n");
    assert_eq!((found.from, found.empty_from), (Originator::Missing, Some(7..18)));
    assert_eq!(scan(b"From: a@b.c\r\n\r\n").empty_from, None);
    assert_eq!(scan(b"From:\r\nFrom:\r\n\r\n").empty_from, None);
}

#[test]
fn authors_are_counted() {
    assert_eq!(from("To: x"), Originator::Missing);
    assert_eq!(from("From: a@b.c, d@e.f").mailboxes().len(), 2);
    assert_eq!(from("From: a\r\n <a@b.c>").mailboxes().len(), 1);
}

#[test]
fn a_body_without_a_header_is_all_body() {
    let found = scan(b"hello\r\nFrom: a@b.c\r\n");
    assert_eq!(
        (found.from, found.ended_by, found.body_at),
        (Originator::Missing, HeaderEnd::OtherText, 0)
    );
    assert_eq!(scan(b" From: a@b.c\r\n").ended_by, HeaderEnd::OtherText);
    assert_eq!(scan(b"").ended_by, HeaderEnd::Message);
    assert_eq!(scan(b"\r\nx").body_at, 2);
    let found = scan(b"From: a@b.c\r\nhello\r\n\r\nx: y\r\n");
    assert_eq!(
        (found.end, found.body_at, found.ended_by),
        (13, 13, HeaderEnd::OtherText)
    );
    assert_eq!(scan(b"From: a@b.c").from.mailboxes().len(), 1);
    assert_eq!(scan(b"From: a@b.c\r\nhello").body_at, 13);
}

#[test]
fn a_header_without_end_is_too_large_and_keeps_no_memory() {
    let mut scan = HeaderScan::new(100);
    for _ in 0..1000 {
        scan.feed(b"X: y\r\n");
    }
    assert!(scan.block.len() <= 110);
    let found = scan.finish();
    assert_eq!(found.ended_by, HeaderEnd::TooLarge);
    let mut scan = HeaderScan::new(100);
    scan.feed(&[b'x'; 1000]);
    assert_eq!(scan.finish().ended_by, HeaderEnd::TooLarge);
}

#[test]
fn a_line_across_the_limit_is_too_large_whatever_it_is() {
    for line in [" fold\r\n", "text\r\n", "X: y\r\n"] {
        for cut in 0..line.len() {
            let mut scan = HeaderScan::new(2);
            scan.feed(&line.as_bytes()[..cut]);
            scan.feed(&line.as_bytes()[cut..]);
            assert_eq!(scan.finish().ended_by, HeaderEnd::TooLarge, "{line:?} cut at {cut}");
        }
    }
}

#[test]
fn texts_are_cut_and_printable() {
    let found = scan(format!("Subject: \x1b[2J{}\r\n\r\n", "é".repeat(1000)).as_bytes());
    let subject = found.subject.unwrap();
    assert!(subject.starts_with("?[2J") && subject.chars().count() == TEXT_CHARS_MAX);
}

proptest! {
    #[test]
    fn cuts_change_nothing(
        text in "(From: a@b.c\r\n|Subject:|x|:| |\r\n|\n|\u{fc}){0,14}",
        cuts in prop::collection::vec(0usize..100, 0..8),
        most in 1usize..60,
    ) {
        let text = text.as_bytes();
        let mut whole = HeaderScan::new(most);
        whole.feed(text);
        let mut pieces = HeaderScan::new(most);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        for cut in cuts.windows(2) {
            pieces.feed(&text[cut[0]..cut[1]]);
        }
        prop_assert_eq!(pieces.finish(), whole.finish());
    }
}
