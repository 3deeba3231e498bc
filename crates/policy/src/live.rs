//! The reader of live traffic: a plain struct over the facts, without allocation.

use std::net::IpAddr;

use ipnet::IpNet;
use mail::{DomainPattern, ForwardPath, Host, Mailbox, Timestamp};

use crate::basis::FactDigest;
use crate::facts::{ContentClass, Fact, Facts, FromAnswer, FromHeader, LoginAnswer, Reader, RecipientForm};
use crate::model::{Recipients, Route, SenderPattern};
use crate::ports::Usage;
use crate::snapshot::{AddressTable, CertificateTable, DomainTable, ForwardTable, LoginTable, contains};

/// Answers from one message's facts.
pub struct Live<'f, 'a> {
    facts: &'f Facts<'a>,
}

impl<'f, 'a> Live<'f, 'a> {
    /// A reader of these facts.
    #[must_use]
    pub const fn new(facts: &'f Facts<'a>) -> Self {
        Self { facts }
    }

    fn recipient(&self) -> Fact<Option<&'a Mailbox>> {
        self.facts.recipient.map(ForwardPath::mailbox)
    }
}

impl Reader for Live<'_, '_> {
    fn listener(&mut self) -> u32 {
        self.facts.listener
    }

    fn client_in(&mut self, networks: &[IpNet]) -> Fact<bool> {
        self.facts.client.map(|address| contains(networks, address))
    }

    fn encrypted(&mut self) -> Fact<bool> {
        self.facts.encrypted
    }

    fn login(&mut self, table: &LoginTable) -> Fact<LoginAnswer> {
        self.facts.login.map(|login| match login {
            None => LoginAnswer::None,
            Some(name) => table.find(name).map_or(LoginAnswer::WithoutGrant, LoginAnswer::Grant),
        })
    }

    fn certificate(&mut self, table: &CertificateTable) -> Fact<Option<u32>> {
        self.facts.certificate.map(|shown| table.find(shown))
    }

    fn address(&mut self, table: &AddressTable) -> Fact<Option<u32>> {
        self.facts.client.map(|address: IpAddr| table.find(address))
    }

    fn now_before(&mut self, instant: Timestamp) -> bool {
        self.facts.now < instant
    }

    fn sender_in(&mut self, patterns: &[SenderPattern]) -> Fact<bool> {
        self.facts
            .sender
            .map(|sender| patterns.iter().any(|pattern| pattern.matches_path(sender)))
    }

    fn sender_domain_in(&mut self, table: &DomainTable<()>) -> Fact<bool> {
        self.facts.sender.map(|sender| {
            sender
                .mailbox()
                .and_then(Mailbox::domain)
                .is_some_and(|domain| table.find(domain).is_some())
        })
    }

    fn recipient_form(&mut self) -> Fact<RecipientForm> {
        self.facts.recipient.map(|path| form_of(path.mailbox()))
    }

    fn recipient_domain_in(&mut self, table: &DomainTable<()>) -> Fact<bool> {
        // <postmaster> without a domain is the postmaster of this host.
        self.recipient().map(|mailbox| match mailbox {
            None => true,
            Some(mailbox) => mailbox.domain().is_some_and(|domain| table.find(domain).is_some()),
        })
    }

    fn recipient_route(&mut self, table: &DomainTable<u32>) -> Fact<Option<u32>> {
        self.recipient().map(|mailbox| table.find(mailbox?.domain()?).copied())
    }

    fn recipient_matches(&mut self, domains: &[DomainPattern]) -> Fact<bool> {
        self.recipient().map(|mailbox| {
            mailbox
                .and_then(Mailbox::domain)
                .is_some_and(|domain| domains.iter().any(|pattern| pattern.matches(domain)))
        })
    }

    fn recipient_forward(&mut self, table: &ForwardTable) -> Fact<Option<u32>> {
        self.recipient().map(|mailbox| table.find(mailbox?))
    }

    fn recipient_exists(&mut self, route: &Route) -> Fact<bool> {
        match &route.recipients {
            Recipients::Any => Fact::Known(true),
            Recipients::Asked => self.facts.exists,
            Recipients::Listed(known) => self.recipient().map(|mailbox| {
                mailbox.is_none_or(|mailbox| {
                    known
                        .iter()
                        .any(|one| one.host() == mailbox.host() && one.local().is(mailbox.local().as_str()))
                })
            }),
        }
    }

    fn header_from_in(&mut self, patterns: &[SenderPattern]) -> Fact<FromAnswer> {
        self.facts.from.map(|from| match from {
            FromHeader::Missing | FromHeader::Mailboxes([]) => FromAnswer::Missing,
            FromHeader::Malformed => FromAnswer::Malformed,
            FromHeader::Mailboxes(mailboxes) => {
                let granted = mailboxes
                    .iter()
                    .all(|one| patterns.iter().any(|pattern| pattern.matches(one)));
                if granted {
                    FromAnswer::Granted
                } else {
                    FromAnswer::Other
                }
            }
        })
    }

    fn larger_than(&mut self, octets: u64) -> Fact<bool> {
        self.facts.octets.map(|counted| counted > octets)
    }

    fn hops_above(&mut self, hops: u32) -> Fact<bool> {
        self.facts.hops.map(|counted| counted > hops)
    }

    fn usage(&mut self) -> Fact<Usage> {
        self.facts.usage
    }

    fn masked(&mut self) -> Fact<bool> {
        self.facts.masked
    }

    fn content(&mut self) -> Fact<ContentClass> {
        self.facts.content
    }
}

/// What form a recipient has; `None` is `<postmaster>` alone.
pub(crate) fn form_of(mailbox: Option<&Mailbox>) -> RecipientForm {
    let Some(mailbox) = mailbox else {
        return RecipientForm::Role;
    };
    if matches!(mailbox.host(), Host::Literal(_)) {
        return RecipientForm::Literal;
    }
    let local = mailbox.local();
    if local.is("postmaster") || local.is("abuse") {
        return RecipientForm::Role;
    }
    if local.as_str().contains(['%', '!', '@', ':']) {
        RecipientForm::Smuggled
    } else {
        RecipientForm::Plain
    }
}

/// A digest of the facts a decision was made on, in a canonical order.
#[must_use]
pub fn digest(facts: &Facts<'_>) -> FactDigest {
    use std::hash::{Hash, Hasher};
    let mut hasher = Fnv::default();
    facts.listener.hash(&mut hasher);
    facts.client.hash(&mut hasher);
    facts.encrypted.hash(&mut hasher);
    facts.login.hash(&mut hasher);
    facts.certificate.hash(&mut hasher);
    facts.now.hash(&mut hasher);
    facts.sender.hash(&mut hasher);
    facts.recipient.hash(&mut hasher);
    facts.exists.hash(&mut hasher);
    facts.octets.hash(&mut hasher);
    facts.hops.hash(&mut hasher);
    facts.usage.hash(&mut hasher);
    facts.masked.hash(&mut hasher);
    facts.content.hash(&mut hasher);
    match facts.from {
        Fact::Known(FromHeader::Mailboxes(mailboxes)) => mailboxes.hash(&mut hasher),
        Fact::Known(FromHeader::Missing) => 1u8.hash(&mut hasher),
        Fact::Known(FromHeader::Malformed) => 2u8.hash(&mut hasher),
        Fact::Unknown => 3u8.hash(&mut hasher),
        Fact::NotYet => 4u8.hash(&mut hasher),
    }
    FactDigest(hasher.finish())
}

/// FNV-1a over what derived `Hash` writes: the same for the same facts on one build. It tells decisions apart; what
/// replays them reads the facts themselves. Tables whose keys are ours alone are quicker asked with it.
#[derive(Clone)]
pub(crate) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl std::hash::Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.0 = (self.0 ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
