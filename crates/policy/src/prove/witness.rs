//! One concrete message out of a cell.

use std::net::{IpAddr, Ipv4Addr};

use mail::{ForwardPath, Mailbox, ReversePath, Timestamp};

use super::cell::{Cell, Certificate, From, Login, Seen, Witness};
use super::names::Names;
use crate::basis::Name;
use crate::facts::{ContentClass, Fact};
use crate::ports::Usage;
use crate::snapshot::Snapshot;

/// A client that nobody declares, where the address was not read (RFC 5737).
const ANY_CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));

impl Cell {
    /// A message of this cell; `None` where there is none. What was not read is chosen as harmless as it can be.
    #[must_use]
    pub fn witness(&self, snapshot: &Snapshot) -> Option<Witness> {
        let sender = path(&self.sender)?;
        let recipient = path(&self.recipient)?;
        let sender = sender.map(|mailbox| mailbox.map_or(ReversePath::Null, ReversePath::Mailbox));
        Some(Witness {
            listener: self.listener.unwrap_or(0),
            client: value(&self.client, ANY_CLIENT, |ranges| ranges.sample())?,
            encrypted: plain(&self.encrypted, true),
            login: value(&self.login, None, |login| Some(login_of(login, snapshot)))?,
            certificate: value(&self.certificate, Vec::new(), |certificate| {
                Some(match certificate {
                    Certificate::Unbound => Vec::new(),
                    Certificate::Is(id) => vec![id.clone()],
                })
            })?,
            now: self.moment(),
            from: self.header(&sender)?,
            sender,
            recipient: recipient.map(|mailbox| mailbox.map_or(ForwardPath::Postmaster, ForwardPath::Mailbox)),
            exists: plain(&self.exists, true),
            octets: value(&self.octets, 1, |(first, last)| Some((*first).max(1).min(*last)))?,
            hops: value(&self.hops, 0, |(first, _)| u32::try_from(*first).ok())?,
            usage: plain(&self.usage, Usage::Within),
            masked: plain(&self.masked, false),
            content: plain(&self.content, ContentClass::Below),
        })
    }

    /// An instant of the cell: where it is open to one side, the bound that it has.
    fn moment(&self) -> Timestamp {
        match (self.from_time.0 == i64::MIN, self.until.0 == i64::MAX) {
            (true, true) => Timestamp(0),
            (true, false) => self.until,
            (false, _) => self.from_time,
        }
    }

    /// The header that goes with the sender, where the cell lets it.
    fn header(&self, sender: &Fact<ReversePath>) -> Option<Fact<Option<Vec<Mailbox>>>> {
        let natural = match sender {
            Fact::Known(ReversePath::Mailbox(mailbox)) => Some(mailbox.clone()),
            _ => None,
        };
        let unread = Some(natural.clone().into_iter().collect());
        value(&self.from, unread, |from| match from {
            From::Missing => Some(Some(Vec::new())),
            From::Malformed => Some(None),
            From::One(names) => {
                let natural = natural.filter(|mailbox| names.holds(Some(mailbox)));
                natural
                    .or_else(|| names.sample().flatten())
                    .map(|mailbox| Some(vec![mailbox]))
            }
        })
    }
}

/// The outer `None` where the cell is empty; the inner where the address is.
fn path(seen: &Seen<Names>) -> Option<Fact<Option<Mailbox>>> {
    let anybody = Mailbox::parse("someone@elsewhere.example").ok();
    value(seen, anybody, Names::sample)
}

fn value<T, U>(seen: &Seen<T>, unread: U, sample: impl FnOnce(&T) -> Option<U>) -> Option<Fact<U>> {
    Some(match seen {
        Seen::Unread => Fact::Known(unread),
        Seen::Known(known) => Fact::Known(sample(known)?),
        Seen::Unknown => Fact::Unknown,
        Seen::NotYet => Fact::NotYet,
    })
}

fn plain<T: Copy>(seen: &Seen<T>, unread: T) -> Fact<T> {
    match seen {
        Seen::Unread => Fact::Known(unread),
        Seen::Known(known) => Fact::Known(*known),
        Seen::Unknown => Fact::Unknown,
        Seen::NotYet => Fact::NotYet,
    }
}

fn login_of(login: &Login, snapshot: &Snapshot) -> Option<Name> {
    match login {
        Login::None => None,
        Login::Named(name) => Some(name.clone()),
        Login::Other => (0u32..)
            .map(|number| format!("nobody{number}"))
            .find(|name| snapshot.logins.find(name).is_none())
            .map(Name::from),
    }
}
