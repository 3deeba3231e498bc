//! What somebody fills in to ask for a grant, and what is read from it.
//!
//! A [`Form`] is kept as it was filled in, with its hash: that is what people approve. [`Form::read`] makes a
//! [`Request`] of it, and remarks on each field that is wrong or doubtful.

mod fields;
mod read;
mod remark;
#[cfg(test)]
mod tests;

use aws_lc_rs::digest::{SHA256, digest};
use ipnet::IpNet;
use mail::{Domain, DomainPattern, Mailbox, Timestamp, Tolerances};
use policy::{Class, HelloPattern, Scope, SenderPattern};
use serde::{Deserialize, Serialize};

use crate::case::Track;
use crate::store::CaseId;

pub use fields::{Authentication, Device, Tls};
pub use remark::{Remark, Weight};

/// Somebody with a name and an address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Contact {
    /// As people say it.
    pub name: String,
    /// Where mail reaches them.
    pub email: String,
}

/// How much will be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Volume {
    /// Messages on a usual day.
    pub per_day: u32,
    /// Messages in the busiest hour.
    pub per_hour: u32,
    /// Octets of the largest message.
    pub octets: u64,
}

/// What an exception needs beside the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Addendum {
    /// Dean, department head or director.
    pub head: Contact,
    /// Why it has to be.
    pub justification: String,
    /// Why the device cannot authenticate.
    pub hindrance: String,
    /// Whether newer firmware was looked for.
    pub firmware_checked: bool,
    /// When it will be replaced, and by what.
    pub replacement: String,
}

/// What an application or a server needs beside the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Consultation {
    /// Where it runs.
    pub hosting: String,
    /// Who keeps its system up to date.
    pub patched_by: String,
    /// Whether it sends in bulk.
    pub bulk: bool,
    /// Whether people can leave its lists.
    pub unsubscribe: bool,
    /// How its mail is signed, and for which domain.
    pub signing: String,
    /// Who is there round the clock.
    pub on_call: Contact,
}

/// A request as it was filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Form {
    /// Who asks.
    pub requestor: Contact,
    /// Who sets it up, and hears of its troubles.
    pub technical: Contact,
    /// Who answers for it; the requestor where nobody is named.
    pub owner: Contact,
    /// Whose it is.
    pub department: String,
    /// The kind of device: `copier`, `scanner`, `ups`, `network`, `instrument`, `application`, `server`, `other`.
    pub device: String,
    /// Vendor and model.
    pub model: String,
    /// Where it stands.
    pub location: String,
    /// Its address, or a small network.
    pub address: String,
    /// Its host name.
    pub host: String,
    /// Whom it sends as: `scan@example.edu` or `*@devices.example.edu`.
    pub senders: Vec<String>,
    /// Whom it sends to beside our own domains: domains, or `any`; nobody where nothing is named.
    pub recipients: Vec<String>,
    /// How much.
    pub volume: Volume,
    /// How it can log in: `oauth2`, `password`, `directory`, `certificate` or `none`.
    pub authentication: String,
    /// The newest TLS it speaks: `1.3`, `1.2`, `old` or `none`.
    pub tls: String,
    /// What it calls itself in HELO, where it comes by its address: `RNP*`; whatever it likes where nothing is named.
    // Left out where there is none: the hash of a form that was filled in before there was this field stays what it was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hello: Vec<String>,
    /// Faults that are mended for it: `bare-lf`, `long-lines`, `missing-from`, `no-starttls-advertised`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tolerate: Vec<String>,
    /// The grant whose place it takes: `pc-1042`; none where nothing is named.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub replaces: String,
    /// What for.
    pub purpose: String,
    /// Until when, as a date; the longest that is possible where nothing is named.
    pub until: String,
    /// For what cannot authenticate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception: Option<Addendum>,
    /// For applications and servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<Consultation>,
}

/// What a form is read against.
#[derive(Clone, Copy, Debug)]
pub struct House<'a> {
    /// Our own mail domains.
    pub domains: &'a [DomainPattern],
    /// The time, and the longest a grant may hold.
    pub now: Timestamp,
    /// In days.
    pub longest: u32,
    /// Whether it was imported: what nobody could know then is doubtful, and blocks nothing.
    pub imported: bool,
}

/// A request, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who asks.
    pub requestor: Mailbox,
    /// Who sets it up.
    pub technical: Mailbox,
    /// Who answers for it.
    pub owner: Mailbox,
    /// Who takes the risk of an exception.
    pub head: Option<Mailbox>,
    /// What it is.
    pub device: Device,
    /// Where it is.
    pub at: IpNet,
    /// What it is called.
    pub host: Option<Domain>,
    /// Whom it sends as.
    pub senders: Vec<SenderPattern>,
    /// What it calls itself.
    pub hellos: Vec<HelloPattern>,
    /// Which of its faults are mended.
    pub tolerances: Tolerances,
    /// Whom it sends to.
    pub scope: Scope,
    /// How it logs in.
    pub authentication: Authentication,
    /// The limits it gets by its class.
    pub class: Class,
    /// The grant whose place it takes.
    pub replaces: Option<CaseId>,
    /// Which way it goes.
    pub track: Track,
    /// Until when.
    pub until: Timestamp,
}

impl Form {
    /// SHA-256 of the form as it was filled in: what people see, and approve.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        // Strings, numbers and flags in the order of their declaration always serialise.
        let octets = serde_json::to_vec(self).unwrap_or_default();
        let mut hash = [0; 32];
        for (into, octet) in hash.iter_mut().zip(digest(&SHA256, &octets).as_ref()) {
            *into = *octet;
        }
        hash
    }

    /// Whether the other says the same but for who operates it and who answers for it.
    #[must_use]
    pub fn differs_by_contacts(&self, other: &Self) -> bool {
        let theirs = Self {
            technical: other.technical.clone(),
            owner: other.owner.clone(),
            ..self.clone()
        };
        theirs == *other && self != other
    }

    /// How it logs in, where that can be read.
    #[must_use]
    pub fn logs_in_by(&self) -> Option<Authentication> {
        Authentication::parse(&self.authentication).ok()
    }

    /// Reads it: the request, where no remark blocks it, and all remarks.
    #[must_use]
    pub fn read(&self, house: House<'_>) -> (Option<Request>, Vec<Remark>) {
        read::read(self, house)
    }
}
