//! The ways in which strangers try to relay.

use std::fmt;

use mail::DomainPattern;
use policy::Rulebook;

use super::HELLO;

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// The name given in EHLO.
    pub(super) hello: String,
    /// Behind `MAIL FROM:`.
    pub(super) sender: String,
    /// Behind `RCPT TO:`.
    pub(super) recipient: String,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |text: &str| text.replace('\0', "\\0");
        write!(
            f,
            "EHLO {}, MAIL FROM:{}, RCPT TO:{}",
            self.hello,
            plain(&self.sender),
            plain(&self.recipient)
        )
    }
}

/// Domains that are nobody's (RFC 2606 §3); one that is not ours stands for the outside.
const OUTSIDE: [&str; 3] = ["example.org", "example.net", "example.com"];

/// Every attempt, none of which may succeed for somebody without a grant.
pub(super) fn all(book: &Rulebook) -> Vec<Form> {
    let own = own(book);
    let outside = outside(book);
    let recipients = recipients(&own, outside);
    let mut forms: Vec<Form> = recipients.iter().map(|one| form(HELLO, "<>", one)).collect();
    let senders = [
        format!("<postmaster@{own}>"),
        format!("<user@{own}>"),
        format!("<user@{outside}>"),
        "<user@[127.0.0.1]>".to_owned(),
    ];
    // Whoever passes for one of us may pass for all of us: the plain ways, under our names.
    for sender in &senders {
        let plain = recipients.iter().take(PLAIN);
        forms.extend(plain.map(|recipient| form(&own, sender, recipient)));
    }
    forms
}

/// So many of the recipients are tried by every sender.
const PLAIN: usize = 4;

fn recipients(own: &str, outside: &str) -> Vec<String> {
    vec![
        format!("<user@{outside}>"),
        format!("<user%{outside}@{own}>"),
        format!("<{outside}!user@{own}>"),
        format!("<@{own}:user@{outside}>"),
        format!("<\"user@{outside}\"@{own}>"),
        format!("<\"user%{outside}\"@{own}>"),
        format!("<{outside}!user>"),
        format!("<user%{outside}>"),
        format!("<user@{outside}@{own}>"),
        format!("<user@{own}@{outside}>"),
        "<user@[192.0.2.1]>".to_owned(),
        "<user@[127.0.0.1]>".to_owned(),
        "<user@[IPv6:2001:db8::1]>".to_owned(),
        format!("user@{outside}"),
        format!("<user @{outside}>"),
        format!("<user\0@{outside}>"),
        format!("<postmaster@{outside}>"),
    ]
}

fn form(hello: &str, sender: &str, recipient: &str) -> Form {
    Form {
        hello: hello.to_owned(),
        sender: sender.to_owned(),
        recipient: recipient.to_owned(),
    }
}

/// A domain of ours.
fn own(book: &Rulebook) -> String {
    let named = book.organisation.domains.iter().find_map(|pattern| match pattern {
        DomainPattern::Exactly(name) => Some(name.to_string()),
        DomainPattern::Below(_) => None,
    });
    let below = book.organisation.domains.iter().find_map(|pattern| match pattern {
        DomainPattern::Exactly(_) => None,
        DomainPattern::Below(parent) => Some(format!("selftest.{parent}")),
    });
    named.or(below).unwrap_or_else(|| "localhost".to_owned())
}

fn outside(book: &Rulebook) -> &'static str {
    let is_ours = |name: &str| {
        let name = name.parse().ok();
        name.is_some_and(|name: mail::Domain| book.organisation.domains.iter().any(|pattern| pattern.matches(&name)))
    };
    OUTSIDE
        .into_iter()
        .find(|name| !is_ours(name))
        .unwrap_or("relay-test.invalid")
}
