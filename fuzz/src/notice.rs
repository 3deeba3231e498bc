//! Notices, composed from what senders and next hops said.

use mail::{
    Action, Charset, Domain, DsnReturn, EnhancedCode, ForwardPath, HeaderScan, Mailbox, MessageId, Notice, Original,
    Reply, Timestamp, Told,
};

use crate::bites::Bites;

/// What strangers put into words that we repeat.
pub(crate) const WORDS: &[&[u8]] = &[
    b"\r\nFinal-Recipient: rfc822; x@y.z\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"--=_000000000007",
    b"--=_000000000007--",
    b"rfc822;a@b.c",
    b"utf-8;\xc3\xbc@b.c",
    b"a@example.org",
    b"\xc3\xbc@example.org",
    b"\"a b\"@example.org",
    b"postmaster",
    b"mx.example.net",
    b"550 5.1.1 no",
    b"Subject: x\r\n",
    b"From: a@b.c\r\nSubject: y\r\n",
    b"\0",
    b"\xe2\x80\xa8",
    b"\xf0\x9f\x8e\x81",
    b"=?utf-8?q?x?=",
    b"                                                                           ",
];

/// Octets of a line of a notice at most (RFC 5321 §4.5.3.1.6).
const LINE_OCTETS_MAX: usize = 998;

/// Whatever is repeated in a notice adds no line, field or part to it.
pub(crate) fn run(octets: &[u8]) {
    let mut bites = Bites(octets);
    let charset = if bites.octet() & 1 == 0 {
        Charset::Ascii
    } else {
        Charset::Utf8
    };
    let (subject, envid, help) = (bites.text(), bites.text(), bites.text());
    let (header, times) = (bites.piece(), usize::from(bites.octet() % 4) * 20 + 1);
    let header = framed(&header.repeat(times));
    let (full, times) = (bites.piece(), usize::from(bites.octet() % 4) * 50 + 1);
    let full = framed(&full.repeat(times));
    let said = some_told(&mut bites);
    let recipients: Vec<Told<'_>> = said.iter().map(Said::told).collect();
    let reporter = Domain::parse("gate.example.edu").unwrap();
    let from = Mailbox::parse("postmaster@gate.example.edu").unwrap();
    let to = Mailbox::parse("a@example.edu").unwrap();
    let notice = Notice {
        id: MessageId::new(7),
        reporter: &reporter,
        from: &from,
        to: &to,
        at: Timestamp::from_secs(1_795_262_400),
        original: Original {
            id: MessageId::new(1),
            envid: (!envid.is_empty()).then_some(envid.as_str()),
            arrived: Timestamp::from_secs(1_795_262_000),
            subject: (!subject.is_empty()).then_some(subject.as_str()),
            ret: [None, Some(DsnReturn::Full), Some(DsnReturn::Headers)][usize::from(bites.octet() % 3)],
            header: &header,
            full: (!full.is_empty()).then_some(full.as_slice()),
        },
        recipients: &recipients,
        help: (!help.is_empty()).then_some(help.as_str()),
        charset,
    };
    check(&notice.to_message(), charset, recipients.len());
}

/// Octets as a gate keeps them: whole lines that end in CRLF, without NUL, as long as they come.
fn framed(octets: &[u8]) -> Vec<u8> {
    let lines = octets.split(|octet| *octet == b'\n').filter(|line| !line.is_empty());
    let clean = |line: &[u8]| {
        line.iter()
            .copied()
            .filter(|octet| !matches!(octet, b'\r' | 0))
            .collect::<Vec<u8>>()
    };
    lines
        .flat_map(|line| [clean(line), b"\r\n".to_vec()].concat())
        .collect()
}

/// What happened to one recipient, owned.
struct Said {
    recipient: ForwardPath,
    action: Action,
    orcpt: String,
    remote: String,
    reply: Option<Reply>,
    why: String,
}

impl Said {
    fn told(&self) -> Told<'_> {
        let some = |text: &'static str, value| if value == text { None } else { Some(value) };
        Told {
            recipient: &self.recipient,
            orcpt: some("", self.orcpt.as_str()),
            action: self.action,
            status: EnhancedCode::new(5, 1, 1),
            remote: some("", self.remote.as_str()),
            said: self.reply.as_ref(),
            why: some("", self.why.as_str()),
        }
    }
}

fn some_told(bites: &mut Bites<'_>) -> Vec<Said> {
    let mut told = Vec::new();
    while told.is_empty() || (told.len() < 4 && !bites.is_empty()) {
        let address = bites.text();
        let recipient = Mailbox::parse(&address).map_or(ForwardPath::Postmaster, ForwardPath::Mailbox);
        let action = match bites.octet() % 4 {
            0 => Action::Failed,
            1 => Action::Delayed {
                until: Timestamp::from_secs(i64::from(bites.word())),
            },
            2 => Action::Delivered,
            _ => Action::Relayed,
        };
        let (orcpt, remote, text, why) = (bites.text(), bites.text(), bites.text(), bites.text());
        let reply = (!text.is_empty())
            .then(|| Reply::new(200 + u16::from(bites.octet()), EnhancedCode::new(5, 999, 999), text));
        told.push(Said {
            recipient,
            action,
            orcpt,
            remote,
            reply,
            why,
        });
    }
    told
}

fn check(octets: &[u8], charset: Charset, recipients: usize) {
    let mut scan = HeaderScan::default();
    scan.feed(octets);
    let head = scan.finish();
    assert_eq!(head.from.mailboxes().len(), 1);
    assert!(head.auto_submitted && head.has_date && head.has_mime_version && head.duplicates.is_empty());
    assert_eq!(
        (head.invalid_names, head.ended_by),
        (0, mail::HeaderEnd::BlankLine),
        "{head:?}"
    );
    assert!(
        charset == Charset::Utf8 || octets.is_ascii(),
        "octets above 127 for a 7-bit reader"
    );
    let text = String::from_utf8_lossy(octets);
    assert!(
        !text.replace("\r\n", "").contains(['\r', '\n', '\0']),
        "bare line ends: {text:?}"
    );
    assert!(text.ends_with("\r\n") && text.split("\r\n").all(|line| line.len() <= LINE_OCTETS_MAX));
    // The field's, not one that a stranger's subject speaks of.
    let field = &text[text.find("\r\nContent-Type: ").expect("a type")..];
    let quoted = &field[field.find("boundary=\"").expect("a boundary") + 10..];
    let mark = format!("--{}", &quoted[..quoted.find('"').expect("its end")]);
    let marks = text.split("\r\n").filter(|line| line.starts_with(&mark)).count();
    assert_eq!(marks, 4, "three parts, four marks: {text}");
    let parts: Vec<&str> = text.split(&format!("\r\n{mark}")).collect();
    check_status(parts[2], recipients);
}

/// The part for programs: one block for the message and one for each recipient, fields only.
fn check_status(part: &str, recipients: usize) {
    let body = part
        .trim_start_matches("\r\n")
        .split_once("\r\n\r\n")
        .expect("a part has a header")
        .1;
    let blocks: Vec<&str> = body.trim_end_matches("\r\n").split("\r\n\r\n").collect();
    assert_eq!(blocks.len(), recipients + 1, "{body}");
    for (block, is_first) in blocks.iter().zip(std::iter::once(true).chain(std::iter::repeat(false))) {
        for line in block.split("\r\n") {
            let is_field = line.split_once(':').is_some_and(|(name, _)| {
                !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_alphabetic() || octet == b'-')
            });
            assert!(is_field || line.starts_with([' ', '\t']), "{line:?} in {block}");
        }
        let count = |name: &str| block.split("\r\n").filter(|line| line.starts_with(name)).count();
        let each = ["Final-Recipient:", "Action:", "Status:"].map(count);
        assert_eq!(each, if is_first { [0; 3] } else { [1; 3] }, "{block}");
    }
}
