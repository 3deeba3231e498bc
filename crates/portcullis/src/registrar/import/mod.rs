//! Reads who could relay before there was a registry: Postfix's lists and tables, and CSV.
//!
//! What is read is a list of [`Item`]s, each of which would become a grant, and of [`Left`] lines, each with the reason
//! why it cannot and what to do instead. Nothing is kept here.

mod access;
mod logins;
mod networks;
mod rows;
pub mod secrets;
#[cfg(test)]
mod tests;

use ipnet::IpNet;
use registry::{Contact, Form, Widest};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Postfix's `mynetworks`: of main.cf, of postconf, or a file with one in each line.
    Mynetworks,
    /// The source of an access table, as of check_client_access.
    Access,
    /// The same, of type cidr.
    Cidr,
    /// The source of smtpd_sender_login_maps: sender, then logins.
    Logins,
    /// Rows, with a line of names first.
    Csv,
}

/// What is said of everything that a file says nothing about.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// Whom it may send as: a list as of a form.
    pub senders: Vec<String>,
    /// To whom beside our own domains.
    pub recipients: Vec<String>,
    /// Who is asked about it.
    pub requestor: Contact,
    /// Who sets it up.
    pub technical: Contact,
    /// Who answers for it.
    pub owner: Contact,
    /// Whose it is.
    pub department: String,
    /// What for; behind it stands where it comes from.
    pub purpose: String,
    /// How wide a grant may be.
    pub widest: Widest,
}

/// What would become a grant.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The lines it stands in.
    pub lines: Vec<u64>,
    /// As it is shown: `10.20.3.14`, `login erp`.
    pub shown: String,
    /// The form it becomes.
    pub form: Form,
    /// The department or customer, where the file says so.
    pub scope: Option<String>,
    /// The login it had, where it had one.
    pub login: Option<String>,
}

/// A line that becomes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Which.
    pub line: u64,
    /// What stands there.
    pub text: String,
    /// Why.
    pub why: String,
    /// What to do instead.
    pub advice: String,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Read {
    /// What would become grants, in the order of the file.
    pub items: Vec<Item>,
    /// What would not.
    pub left: Vec<Left>,
}

impl Read {
    fn leave(&mut self, line: u64, text: &str, why: impl Into<String>, advice: impl Into<String>) {
        self.left.push(Left {
            line,
            text: text.trim().to_owned(),
            why: why.into(),
            advice: advice.into(),
        });
    }

    /// A machine that may send from this address.
    fn address(&mut self, line: u64, at: IpNet, defaults: &Defaults) {
        let shown = shown(&at);
        if let Some(item) = self.items.iter_mut().find(|item| item.form.address == shown) {
            item.lines.push(line);
            return;
        }
        let form = Form {
            address: shown.clone(),
            device: "other".to_owned(),
            authentication: "none".to_owned(),
            tls: "none".to_owned(),
            ..defaults.form("")
        };
        self.items.push(Item {
            lines: vec![line],
            shown,
            form,
            scope: None,
            login: None,
        });
    }

    /// A machine, where it is one.
    fn machine(&mut self, line: u64, text: &str, at: IpNet, defaults: &Defaults) {
        let at = policy::unmapped(at);
        match unfit(&at, defaults) {
            Some((why, advice)) => self.leave(line, text, why, advice),
            None => self.address(line, at, defaults),
        }
    }
}

/// Why this is no grant for a machine, and what to do instead.
fn unfit(at: &IpNet, defaults: &Defaults) -> Option<(String, &'static str)> {
    let least = match at {
        IpNet::V4(_) => defaults.widest.v4,
        IpNet::V6(_) => defaults.widest.v6,
    };
    if at.addr().is_loopback() {
        return Some((
            "this is the machine itself".to_owned(),
            "nobody relays without a grant, this machine included: programs on it get a login of their own",
        ));
    }
    if at.trunc() != *at {
        let network = at.trunc();
        return Some((
            format!("{network} is the network"),
            "write the network, or the address alone",
        ));
    }
    (at.prefix_len() < least).then(|| {
        (
            format!("a network of {} is no grant for a machine", count(at)),
            "name the machines in it that send mail; the relay's log of some weeks knows them",
        )
    })
}

impl Defaults {
    /// A form with what is said of everything.
    fn form(&self, from: &str) -> Form {
        let purpose = match (self.purpose.is_empty(), from.is_empty()) {
            (_, true) => self.purpose.clone(),
            (true, false) => from.to_owned(),
            (false, false) => format!("{}: {from}", self.purpose),
        };
        Form {
            requestor: self.requestor.clone(),
            technical: self.technical.clone(),
            owner: self.owner.clone(),
            department: self.department.clone(),
            senders: self.senders.clone(),
            recipients: self.recipients.clone(),
            purpose,
            ..Form::default()
        }
    }
}

/// Reads a text. Nothing in it makes the rest unreadable.
#[must_use]
pub fn read(format: Format, text: &str, defaults: &Defaults) -> Read {
    let mut read = match format {
        Format::Mynetworks => networks::read(text, defaults),
        Format::Access => access::read(text, access::Kind::Hash, defaults),
        Format::Cidr => access::read(text, access::Kind::Cidr, defaults),
        Format::Logins => logins::read(text, defaults),
        Format::Csv => rows::read(text, defaults),
    };
    read.left.sort_by_key(|left| left.line);
    read
}

/// What a file is, by its name and its words; `Err` where it is something that is never imported, or cannot be told.
pub fn guess(name: &str, text: &str) -> Result<Format, &'static str> {
    let name = name.to_ascii_lowercase();
    let ends = |end: &str| name.ends_with(end);
    let lines = || {
        text.lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
    };
    let Some(first) = lines().next() else {
        return Err("there is nothing in it");
    };
    if first.starts_with('/')
        && first
            .rsplit_once('/')
            .is_some_and(|(_, action)| action.contains(char::is_whitespace))
    {
        return Err("it has regular expressions: what they let in nobody can list, so no grant follows from them");
    }
    if ends(".pcre") || ends(".regexp") {
        return Err("it has regular expressions: what they let in nobody can list, so no grant follows from them");
    }
    if ends(".db") || ends(".lmdb") || ends(".cdb") {
        return Err("it is a compiled table: import the text it was made from");
    }
    if ends(".csv") {
        return Ok(Format::Csv);
    }
    if ends(".cidr") {
        return Ok(Format::Cidr);
    }
    if lines().any(|line| line.starts_with("mynetworks")) || name.contains("mynetworks") {
        return Ok(Format::Mynetworks);
    }
    let mut words = first.split_whitespace();
    match (words.next(), words.next()) {
        (Some(key), Some(_)) if key.contains('@') => Ok(Format::Logins),
        (Some(key), Some(_)) if key.contains('/') => Ok(Format::Cidr),
        (Some(_), Some(_)) => Ok(Format::Access),
        (Some(key), None) if key.contains(',') => Ok(Format::Csv),
        (Some(_), None) => Ok(Format::Mynetworks),
        (None, _) => Err("there is nothing in it"),
    }
}

/// A network of one address is that address.
fn shown(at: &IpNet) -> String {
    if at.prefix_len() == at.max_prefix_len() {
        at.addr().to_string()
    } else {
        at.to_string()
    }
}

/// How many addresses a network has, in words.
fn count(at: &IpNet) -> String {
    match at.max_prefix_len() - at.prefix_len() {
        bits @ 0..=20 => format!("{} addresses", 1u32 << bits),
        bits => format!("2^{bits} addresses"),
    }
}

/// Reads an address or a network, as Postfix writes them: `[2001:db8::]/32`, and an address with bits behind its prefix
/// as it is.
fn network(text: &str) -> Option<IpNet> {
    let plain: String = text.chars().filter(|char| !"[]".contains(*char)).collect();
    match plain.parse::<std::net::IpAddr>() {
        Ok(address) => Some(IpNet::from(address.to_canonical())),
        Err(_) => plain.parse().ok(),
    }
}
