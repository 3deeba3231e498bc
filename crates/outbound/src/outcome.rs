//! The one table from what a next hop did to what becomes of a recipient, which code tells it, and what that says about
//! the destination.

use std::net::{IpAddr, SocketAddr};

use dns::Trouble;
use mail::{Domain, EnhancedCode, Host, Reply, Severity};
use smtp::client::{ClientTimer, Failure, RecipientOutcome, Stage};

/// What becomes of a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fate {
    /// The next hop has it.
    Delivered,
    /// Not now.
    Deferred,
    /// Not ever.
    Failed,
}

/// A fate and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What becomes of the recipient.
    pub fate: Fate,
    /// The code a notice carries (RFC 3463).
    pub code: EnhancedCode,
    /// The reason, as a person reads it; what the next hop said where it said something.
    pub text: Box<str>,
    /// What the next hop said.
    pub reply: Option<Reply>,
}

/// What an attempt says about the destination as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pressure {
    /// It works.
    None,
    /// It wants less of us: 421, 4.7.x.
    Throttle,
    /// It could not be reached, or did not let us begin.
    Unreachable,
}

/// A connection that did not come to a transaction, or broke off in one.
///
/// INVARIANT: [`Pressure::Unreachable`] only with a fate that may pass. What will not pass is told at once to each
/// message, not put off because the destination rests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setback {
    /// What it means for the recipients, should no other host do better.
    pub verdict: Verdict,
    /// What it says about the destination.
    pub pressure: Pressure,
}

impl Setback {
    fn new(pressure: Pressure, verdict: Verdict) -> Self {
        Self { verdict, pressure }
    }
}

impl Verdict {
    fn new(fate: Fate, code: (u8, u16, u16), text: impl Into<Box<str>>) -> Self {
        Self {
            fate,
            code: EnhancedCode::new(code.0, code.1, code.2),
            text: text.into(),
            reply: None,
        }
    }

    fn deferred(subject: u16, detail: u16, text: impl Into<Box<str>>) -> Self {
        Self::new(Fate::Deferred, (4, subject, detail), text)
    }

    fn failed(subject: u16, detail: u16, text: impl Into<Box<str>>) -> Self {
        Self::new(Fate::Failed, (5, subject, detail), text)
    }

    /// What the next hop said decides, with this code where it gave none.
    fn said(fate: Fate, reply: &Reply, unsaid: (u8, u16, u16)) -> Self {
        let class = match fate {
            Fate::Delivered => 2,
            Fate::Deferred => 4,
            Fate::Failed => 5,
        };
        let own = reply.enhanced.filter(|code| code.class == class);
        let code = own.unwrap_or(EnhancedCode::new(class, unsaid.1, unsaid.2));
        Self {
            fate,
            code,
            text: reply.to_string().into(),
            reply: Some(reply.clone()),
        }
    }

    /// The domain takes no mail (RFC 7505 §4.1; as 556 5.1.10 would say it).
    #[must_use]
    pub fn null_mx(domain: &Domain) -> Self {
        Self::failed(
            1,
            10,
            format!("the domain {domain} declares that it takes no mail (null MX)"),
        )
    }

    /// The domain does not exist.
    #[must_use]
    pub fn no_such_domain(domain: &Domain) -> Self {
        Self::failed(1, 2, format!("the domain {domain} does not exist"))
    }

    /// The domain exists and names no host that could take mail.
    #[must_use]
    pub fn no_address(domain: &Domain) -> Self {
        Self::failed(
            4,
            4,
            format!("no mail server is known for the domain {domain}: it has no address"),
        )
    }

    /// DNS did not answer; that is never read as an absence.
    #[must_use]
    pub fn dns_trouble(domain: &Domain, trouble: Trouble) -> Self {
        Self::deferred(4, 3, format!("looking up {domain} failed: {trouble}"))
    }

    /// The next hop is ourselves (RFC 5321 §6.3).
    #[must_use]
    pub fn loops_back(site: &Host) -> Self {
        Self::failed(4, 6, format!("mail for {site} would come back to this system"))
    }

    /// `<postmaster>` without a domain, and no domain of ours to complete it.
    #[must_use]
    pub fn no_postmaster() -> Self {
        Self::failed(1, 3, "the address has no domain and none is configured to complete it")
    }

    /// 8-bit content that must not be changed, for a peer that takes 7 bits (RFC 6152 §3).
    #[must_use]
    pub fn conversion_forbidden(host: &str) -> Self {
        let text = format!("{host} takes 7-bit messages only, and this one cannot be converted without damage");
        Self::failed(6, 3, text)
    }

    /// The stored message cannot be read; an operator sees it.
    #[must_use]
    pub fn unreadable() -> Self {
        Self::deferred(
            3,
            0,
            "the stored message could not be read; the log of this system says more",
        )
    }

    /// An operator gives it back.
    #[must_use]
    pub fn given_back() -> Self {
        Self::failed(
            7,
            0,
            "the postmaster of this system gave the message back without delivering it",
        )
    }

    /// Nothing was tried: the destination did not answer a short while ago.
    #[must_use]
    pub fn still_down(why: &str) -> Self {
        Self::deferred(4, 1, format!("not tried, the destination has just failed: {why}"))
    }

    /// The life time is over; `last` is why the last try failed. Its code stands, as RFC 3464 §2.3.4 wants the reason.
    #[must_use]
    pub fn expired(last: &Self) -> Self {
        let code = if last.code.subject == 0 {
            EnhancedCode::new(4, 4, 7)
        } else {
            last.code
        };
        Self {
            fate: Fate::Failed,
            code,
            text: last.text.clone(),
            reply: last.reply.clone(),
        }
    }

    /// Whether the next hop wants less of us.
    #[must_use]
    pub fn asks_for_less(&self) -> bool {
        let code = self.reply.as_ref().map_or(0, |reply| reply.code);
        self.fate == Fate::Deferred && (code == 421 || code != 0 && self.code.subject == 7)
    }
}

/// What a recipient's outcome means. `failure` is why the dialogue broke off, where it did.
#[must_use]
pub fn of_recipient(outcome: &RecipientOutcome, failure: Option<&str>) -> Verdict {
    match outcome {
        RecipientOutcome::Delivered(reply) => Verdict::said(Fate::Delivered, reply, (2, 0, 0)),
        RecipientOutcome::Refused(stage, reply) if is_transient(*stage, reply) => {
            Verdict::said(Fate::Deferred, reply, (4, 0, 0))
        }
        RecipientOutcome::Refused(Stage::Local, reply) => Verdict {
            // Nobody but us has spoken.
            reply: None,
            text: reply.text.clone().into(),
            ..Verdict::said(Fate::Failed, reply, (5, 0, 0))
        },
        RecipientOutcome::Refused(_, reply) => Verdict::said(Fate::Failed, reply, (5, 0, 0)),
        RecipientOutcome::Unanswered(stage) => {
            let why = failure.unwrap_or("no answer");
            Verdict::deferred(4, 2, format!("the connection broke off at {stage}: {why}"))
        }
    }
}

/// 4yz, and what is to be read as such.
fn is_transient(stage: Stage, reply: &Reply) -> bool {
    reply.severity() != Severity::Permanent || is_too_many(stage, reply)
}

/// Whether the reply says that the transaction has too many recipients: 452, or 552 as older servers say it
/// (RFC 5321 §4.5.3.1.10). Nothing is wrong with the recipient then.
#[must_use]
pub fn is_too_many(stage: Stage, reply: &Reply) -> bool {
    let too_many = |code: EnhancedCode| (code.subject, code.detail) == (5, 3);
    stage == Stage::Rcpt && matches!(reply.code, 452 | 552) && reply.enhanced.is_none_or(too_many)
}

/// What a failed dialogue means for those it did not answer.
#[must_use]
pub fn of_failure(failure: &Failure) -> Setback {
    use Pressure::{Throttle, Unreachable};
    let text = failure.to_string();
    match failure {
        // RFC 7504 §4: the host says that it takes no mail at all; another one of the domain may.
        Failure::Greeting(reply) if matches!(reply.code, 521 | 556) => {
            Setback::new(Throttle, Verdict::said(Fate::Failed, reply, (5, 3, 2)))
        }
        // A host that does not want to talk has something against us or is ill; either may pass.
        Failure::Greeting(reply) | Failure::Hello(reply) => {
            let pressure = if reply.code == 421 { Throttle } else { Unreachable };
            Setback::new(pressure, Verdict::said(Fate::Deferred, reply, (4, 3, 2)))
        }
        Failure::Closing(reply) => Setback::new(Throttle, Verdict::said(Fate::Deferred, reply, (4, 3, 2))),
        Failure::Reset(_) => Setback::new(Pressure::None, Verdict::deferred(5, 0, text)),
        Failure::TlsNotOffered | Failure::TlsRefused(_) | Failure::AuthNotOffered | Failure::AuthNeedsTls => {
            Setback::new(Unreachable, Verdict::deferred(7, 4, text))
        }
        // The login is ours to mend; the sender's mail waits for it.
        Failure::Auth(_) => Setback::new(Unreachable, Verdict::deferred(7, 8, text)),
        Failure::Timeout(ClientTimer::Greeting) => Setback::new(Unreachable, Verdict::deferred(4, 1, text)),
        Failure::Timeout(_) | Failure::Lost => Setback::new(Unreachable, Verdict::deferred(4, 2, text)),
        Failure::Protocol(_) => Setback::new(Unreachable, Verdict::deferred(5, 0, text)),
    }
}

/// No connection to an address.
#[must_use]
pub fn of_connecting(at: SocketAddr, why: &str) -> Setback {
    Setback::new(
        Pressure::Unreachable,
        Verdict::deferred(4, 1, format!("no connection to {at}: {why}")),
    )
}

/// The TLS that the policy asks for did not come about.
#[must_use]
pub fn of_tls(host: &str, why: &str) -> Setback {
    Setback::new(
        Pressure::Unreachable,
        Verdict::deferred(7, 5, format!("no secure channel to {host}: {why}")),
    )
}

/// The addresses of a host could not be looked up, or there are none. A declared host without an address is a slip of
/// ours or of our own DNS: the mail waits until it is mended.
#[must_use]
pub fn of_address_lookup(host: &Domain, trouble: Option<Trouble>, found_by: FoundBy) -> Setback {
    match (trouble, found_by) {
        (Some(trouble), _) => Setback::new(Pressure::Unreachable, Verdict::dns_trouble(host, trouble)),
        (None, FoundBy::Declaration) => {
            let text = format!("the declared host {host} has no address that can be reached");
            Setback::new(Pressure::Unreachable, Verdict::deferred(4, 4, text))
        }
        (None, FoundBy::Dns) => Setback::new(Pressure::Throttle, Verdict::no_address(host)),
    }
}

/// The host has addresses, but none of the family of the route's source address. That is for an operator to mend, so the
/// mail waits.
#[must_use]
pub fn of_source_address(host: &Host, source: IpAddr) -> Setback {
    let text = format!("{host} has no address that can be reached from {source}, the source address of the route");
    Setback::new(Pressure::Unreachable, Verdict::deferred(4, 4, text))
}

/// How a host came to be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundBy {
    /// A route names it.
    Declaration,
    /// The recipient's domain names it.
    Dns,
}

/// No host of the site has an address that can be tried.
#[must_use]
pub fn of_no_host(site: &Host) -> Setback {
    let text = format!("no host that takes mail for {site} could be tried");
    Setback::new(Pressure::Unreachable, Verdict::deferred(4, 4, text))
}

/// The stored message cannot be read; the destination has no part in it.
#[must_use]
pub fn of_reading() -> Setback {
    Setback::new(Pressure::None, Verdict::unreadable())
}

/// The host is ourselves.
#[must_use]
pub fn of_loop(site: &Host) -> Setback {
    Setback::new(Pressure::Throttle, Verdict::loops_back(site))
}

/// What several hosts come to when none took the message: what may pass outweighs what will not, and of two alike the
/// later one, which is the last thing that happened.
#[must_use]
pub fn weigh(before: Option<Setback>, now: Setback) -> Setback {
    match before {
        Some(before) if before.verdict.fate == Fate::Deferred && now.verdict.fate == Fate::Failed => before,
        _ => now,
    }
}

#[cfg(test)]
mod tests;
