//! What comes to the address that letters are from: reports that one could not be delivered, and answers.
//!
//! Both are believed as far as they name a letter of ours by its `Message-ID`, which nobody guesses. Nothing is ever
//! answered by itself, and what programs wrote is no answer (RFC 3834 §2): no loop begins here.

use std::collections::BTreeSet;

/// Octets that are looked at: a report and the head of what it returns.
pub const HEARD_OCTETS_MAX: usize = 64 * 1024;
/// Parts of a report, and names of messages in a header, that are looked at.
const PARTS_MAX: usize = 16;
/// Characters of what somebody wrote that are kept.
const CHARS_MAX: usize = 200;

/// What was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A letter could not be delivered, for good.
    Returned {
        /// The letter's `Message-ID`, without its brackets.
        message: String,
        /// To whom.
        to: BTreeSet<String>,
    },
    /// Somebody answers.
    Answer {
        /// The messages that it answers, the nearest first.
        to: Vec<String>,
        /// Who says to have written it.
        from: String,
        /// Its subject.
        subject: String,
    },
}

/// Looks at a message, or at its beginning; `None` where it is neither. `is_null` where its envelope has no sender.
#[must_use]
pub fn heard(octets: &[u8], is_null: bool) -> Option<Heard> {
    let octets = octets.get(..HEARD_OCTETS_MAX).unwrap_or(octets);
    let text = String::from_utf8_lossy(octets).replace("\r\n", "\n");
    let (head, body) = parted(&text);
    let head = Head::read(head);
    let kind = head.get("content-type").unwrap_or_default().to_ascii_lowercase();
    if kind.starts_with("multipart/report") && kind.contains("delivery-status") {
        return returned(head.get("content-type").unwrap_or_default(), body);
    }
    if is_null || head.is_automatic() {
        return None;
    }
    let nearest = ids(head.get("in-reply-to").unwrap_or_default());
    let others = ids(head.get("references").unwrap_or_default());
    let to: Vec<String> = nearest
        .into_iter()
        .chain(others.into_iter().rev())
        .take(PARTS_MAX)
        .collect();
    (!to.is_empty()).then(|| Heard::Answer {
        to,
        from: short(head.get("from").unwrap_or_default()),
        subject: short(head.get("subject").unwrap_or_default()),
    })
}

/// A header, its fields in one line each.
struct Head(Vec<(String, String)>);

impl Head {
    fn read(text: &str) -> Self {
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in text.lines() {
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = fields.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
            } else if let Some((name, value)) = line.split_once(':') {
                fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        Self(fields)
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether a program wrote it, or a list passed it on.
    fn is_automatic(&self) -> bool {
        let says = |name, not: &str| self.get(name).is_some_and(|value| !value.eq_ignore_ascii_case(not));
        let precedence = self.get("precedence").unwrap_or_default().to_ascii_lowercase();
        let is_bulk = ["bulk", "junk", "list", "auto_reply"].contains(&precedence.as_str());
        is_bulk || says("auto-submitted", "no") || self.get("list-id").is_some()
    }
}

/// Head and body.
fn parted(text: &str) -> (&str, &str) {
    match text.strip_prefix('\n') {
        Some(body) => ("", body),
        None => text.split_once("\n\n").unwrap_or((text, "")),
    }
}

/// A report (RFC 3464): whom it could not reach, and which message that was.
fn returned(kind: &str, body: &str) -> Option<Heard> {
    let boundary = boundary(kind)?;
    let mut to = BTreeSet::new();
    let mut message = None;
    for part in parts(body, &boundary).into_iter().take(PARTS_MAX) {
        let (head, body) = parted(part);
        let kind = Head::read(head)
            .get("content-type")
            .unwrap_or_default()
            .to_ascii_lowercase();
        if kind.starts_with("message/delivery-status") || kind.starts_with("message/global-delivery-status") {
            to.extend(body.split("\n\n").filter_map(failed));
        } else if kind.starts_with("message/") || kind.starts_with("text/rfc822-headers") {
            let head = Head::read(parted(body).0);
            message = message.or_else(|| ids(head.get("message-id").unwrap_or_default()).pop());
        }
    }
    let message = message.filter(|_| !to.is_empty())?;
    Some(Heard::Returned { message, to })
}

/// The value of `boundary=`; what it is compared with keeps its case.
fn boundary(kind: &str) -> Option<String> {
    let at = kind.to_ascii_lowercase().find("boundary=")?;
    let value = kind.get(at + "boundary=".len()..)?.trim_start();
    let value = match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => value.split([';', ' ']).next()?,
    };
    (!value.is_empty()).then(|| value.to_owned())
}

fn parts<'a>(body: &'a str, boundary: &str) -> Vec<&'a str> {
    let line = format!("--{boundary}");
    let mut parts = Vec::new();
    let (mut begun, mut at) = (None, 0);
    for one in body.split_inclusive('\n') {
        let next = at + one.len();
        let is_last = one.trim_end() == format!("{line}--");
        if is_last || one.trim_end() == line {
            parts.extend(begun.and_then(|begun| body.get(begun..at)));
            begun = (!is_last).then_some(next);
        }
        at = next;
    }
    // A report that was cut short is read as far as it goes.
    parts.extend(begun.and_then(|begun| body.get(begun..)));
    parts
}

/// Whom a group of fields says could not be reached for good, by the address the letter was sent to.
fn failed(group: &str) -> Option<String> {
    let fields = Head::read(group);
    if !fields.get("action")?.eq_ignore_ascii_case("failed") {
        return None;
    }
    let address = fields
        .get("original-recipient")
        .or_else(|| fields.get("final-recipient"))?;
    let (_, address) = address.split_once(';')?;
    let address = address.trim().trim_matches(['<', '>']).to_ascii_lowercase();
    address.contains('@').then_some(address)
}

/// `<one@example.org> <other@example.org>`, without the brackets.
fn ids(text: &str) -> Vec<String> {
    let ids = text.split('<').skip(1).filter_map(|rest| rest.split('>').next());
    let ids = ids.map(str::trim).filter(|id| id.contains('@'));
    ids.take(PARTS_MAX).map(str::to_owned).collect()
}

fn short(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LETTER: &str = "letter-00ff@gate.example.edu";

    fn report(action: &str) -> String {
        format!(
            "From: MAILER-DAEMON@mail.example.edu\r\nSubject: Undelivered\r\n\
             Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"B=_1/x\"\r\n\r\n\
             This is a report.\r\n--B=_1/x\r\nContent-Type: text/plain\r\n\r\nIt came back.\r\n\
             --B=_1/x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.example.edu\r\n\r\n\
             Original-Recipient: rfc822; Tom@example.edu\r\nFinal-Recipient: rfc822; tom@old.example.edu\r\n\
             Action: {action}\r\nStatus: 5.1.1\r\n\r\nFinal-Recipient: rfc822;ann@example.edu\r\nAction: delivered\r\n\
             --B=_1/x\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: pc-1042: ...\r\n\
             Message-ID:\r\n <{LETTER}>\r\n\r\n--B=_1/x--\r\n"
        )
    }

    #[test]
    fn a_report_names_the_letter_and_whom_it_did_not_reach() {
        let tom = BTreeSet::from(["tom@example.edu".to_owned()]);
        let returned = Heard::Returned {
            message: LETTER.to_owned(),
            to: tom,
        };
        assert_eq!(heard(report("failed").as_bytes(), true), Some(returned.clone()));
        // Some send them with a sender.
        assert_eq!(heard(report("Failed").as_bytes(), false), Some(returned));
        for other in ["delayed", "delivered", "relayed"] {
            assert_eq!(heard(report(other).as_bytes(), true), None, "{other}");
        }
        let nameless = report("failed").replace("Message-ID", "X-Message-ID");
        assert_eq!(heard(nameless.as_bytes(), true), None);
    }

    #[test]
    fn an_answer_of_a_person_is_one_and_what_a_program_wrote_is_none() {
        let answer = format!(
            "From: Tom <tom@example.edu>\r\nSubject: Re: pc-1042: is it\r\n still needed?\r\n\
             In-Reply-To: <{LETTER}>\r\nReferences: <a@b> <{LETTER}>\r\n"
        );
        let said = format!("{answer}\r\nYes, keep it.\r\n");
        let Some(Heard::Answer { to, from, subject }) = heard(said.as_bytes(), false) else {
            panic!("no answer");
        };
        assert_eq!(to, [LETTER, LETTER, "a@b"]);
        assert_eq!(
            (&*from, &*subject),
            ("Tom <tom@example.edu>", "Re: pc-1042: is it still needed?")
        );
        assert_eq!(heard(said.as_bytes(), true), None, "nobody sent it");
        for field in [
            "Auto-Submitted: auto-replied",
            "Precedence: BULK",
            "List-Id: <all.example.edu>",
        ] {
            assert_eq!(
                heard(format!("{answer}{field}\r\n\r\nAway.").as_bytes(), false),
                None,
                "{field}"
            );
        }
        let by_hand = format!("{answer}Auto-Submitted: no\r\n\r\nYes.");
        assert!(heard(by_hand.as_bytes(), false).is_some());
        assert_eq!(heard(b"From: ann@example.edu\r\n\r\nHello?\r\n", false), None);
    }

    #[test]
    fn octets_of_any_kind_are_looked_at_without_harm() {
        let whole = report("failed");
        for end in 0..whole.len() {
            let _ = heard(&whole.as_bytes()[..end], true);
            let mut spoiled = whole.clone().into_bytes();
            spoiled[end] = 0xff;
            let _ = heard(&spoiled, false);
        }
        assert_eq!(heard(b"", true), None);
    }
}
