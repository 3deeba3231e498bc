//! From what was filled in to what is meant.

use std::net::IpAddr;

use ipnet::IpNet;
use mail::{Domain, DomainPattern, Mailbox, Timestamp, Tolerances};
use policy::{HelloPattern, Scope, SenderPattern};

use super::{Addendum, Authentication, Consultation, Contact, Device, Form, House, Remark, Request, Tls, Weight};
use crate::case::Track;
use crate::store::CaseId;

/// Letters a justification has at least: one sentence.
const JUSTIFICATION_MIN: usize = 50;

/// Where a login that was imported may come from.
const ANYWHERE: IpNet = IpNet::V6(ipnet::Ipv6Net::new_assert(std::net::Ipv6Addr::UNSPECIFIED, 0));

/// Collects remarks; a field that cannot be read is `None` and has blocked.
struct Reading<'a> {
    house: House<'a>,
    remarks: Vec<Remark>,
    /// Whether nothing blocks for now.
    lenient: bool,
}

pub(super) fn read(form: &Form, house: House<'_>) -> (Option<Request>, Vec<Remark>) {
    let mut reading = Reading {
        house,
        remarks: Vec::new(),
        lenient: false,
    };
    let request = reading.request(form);
    let blocked = reading.remarks.iter().any(|remark| remark.weight == Weight::Blocks);
    (request.filter(|_| !blocked), reading.remarks)
}

impl Reading<'_> {
    fn blocks(&mut self, field: impl Into<String>, said: impl Into<String>) {
        let weight = if self.lenient { Weight::Doubt } else { Weight::Blocks };
        self.remark(field, weight, said);
    }

    fn doubts(&mut self, field: impl Into<String>, said: impl Into<String>) {
        self.remark(field, Weight::Doubt, said);
    }

    fn remark(&mut self, field: impl Into<String>, weight: Weight, said: impl Into<String>) {
        self.remarks.push(Remark {
            field: field.into(),
            weight,
            said: said.into(),
        });
    }

    fn request(&mut self, form: &Form) -> Option<Request> {
        let requestor = self.person(&form.requestor, "requestor");
        let technical = self.person(&form.technical, "technical");
        let owner = if form.owner == Contact::default() {
            requestor.clone()
        } else {
            self.person(&form.owner, "owner")
        };
        self.people(form, requestor.as_ref(), technical.as_ref());
        for (field, text) in [("purpose", &form.purpose), ("department", &form.department)] {
            if text.trim().is_empty() {
                self.blocks(field, "is needed");
            }
        }
        let device = self.listed("device", Device::parse(&form.device));
        let authentication = self.listed("authentication", Authentication::parse(&form.authentication));
        let tls = self.listed("tls", Tls::parse(&form.tls));
        let anywhere = self.house.imported && form.address.trim().is_empty();
        let at = match authentication {
            Some(way) if anywhere && way != Authentication::None => Some(ANYWHERE),
            _ => self.address(&form.address),
        };
        let host = self.host(&form.host);
        let senders = self.senders(&form.senders);
        let hellos = self.hellos(&form.hello, authentication);
        let tolerances = self.tolerances(&form.tolerate);
        let replaces = self.replaces(&form.replaces);
        let scope = self.scope(&form.recipients);
        let until = self.until(&form.until);
        let (device, authentication, tls) = (device?, authentication?, tls?);
        let bulk = form.application.as_ref().is_some_and(|application| application.bulk);
        let class = device.class(bulk);
        self.volume(form, class.limits().messages_per_day, class.limits().octets_per_message);
        let track = track(device, authentication, tls, bulk, scope.as_ref());
        self.lenient = self.house.imported;
        let head = self.beside(form, track, device, requestor.as_ref());
        self.lenient = false;
        Some(Request {
            requestor: requestor?,
            technical: technical?,
            owner: owner?,
            head,
            device,
            at: at?,
            host,
            senders,
            hellos,
            tolerances,
            replaces,
            scope: scope?,
            authentication,
            class: if track == Track::Exception {
                policy::Class::Legacy
            } else {
                class
            },
            track,
            until: until?,
        })
    }

    fn listed<T>(&mut self, field: &str, read: Result<T, String>) -> Option<T> {
        read.map_err(|needed| self.blocks(field, format!("is to be {needed}")))
            .ok()
    }

    /// Somebody of ours, who can be reached.
    fn person(&mut self, contact: &Contact, field: &str) -> Option<Mailbox> {
        if contact.name.trim().is_empty() {
            self.blocks(format!("{field}.name"), "is needed");
        }
        let field = format!("{field}.email");
        let mailbox = match Mailbox::parse(contact.email.trim()) {
            Ok(mailbox) => mailbox,
            Err(why) => {
                self.blocks(field, format!("is no mail address: {why}"));
                return None;
            }
        };
        if !self.is_own(mailbox.domain()) {
            self.blocks(field, "is to be an address of the organisation");
            return None;
        }
        if is_nobody(&mailbox) {
            self.blocks(field, "is read by nobody; name a person or a mailbox that people read");
        }
        Some(mailbox)
    }

    fn people(&mut self, form: &Form, requestor: Option<&Mailbox>, technical: Option<&Mailbox>) {
        if requestor.is_some() && requestor == technical {
            self.doubts("technical.email", "is the requestor: nobody else hears of its troubles");
        }
        if form.owner == Contact::default() {
            self.doubts("owner", "is not named; the requestor answers for it");
        }
    }

    fn is_own(&self, domain: Option<&Domain>) -> bool {
        domain.is_some_and(|domain| self.house.domains.iter().any(|own| own.matches(domain)))
    }

    /// An address, or a network; a v4-mapped one is the v4 address it is.
    fn address(&mut self, text: &str) -> Option<IpNet> {
        let text = text.trim();
        let network = match (text.parse::<IpAddr>(), text.parse::<IpNet>()) {
            (Ok(address), _) => IpNet::from(address.to_canonical()),
            (_, Ok(network)) if network.trunc() == network => network,
            (_, Ok(network)) => {
                self.blocks(
                    "address",
                    format!("has bits behind its prefix; {} is the network", network.trunc()),
                );
                return None;
            }
            _ if has_leading_zeros(text) => {
                self.blocks(
                    "address",
                    "has leading zeros, which some read as octal; write it without",
                );
                return None;
            }
            _ => {
                self.blocks("address", "is no IP address");
                return None;
            }
        };
        let address = network.addr();
        if address.is_loopback() || address.is_unspecified() || address.is_multicast() {
            self.blocks("address", "is no machine's address");
            return None;
        }
        Some(network)
    }

    fn host(&mut self, text: &str) -> Option<Domain> {
        let text = text.trim().trim_end_matches('.');
        if text.is_empty() {
            self.doubts("host", "is not named: name and address cannot be compared");
            return None;
        }
        match Domain::parse(text) {
            Ok(host) => Some(host),
            Err(why) => {
                self.blocks("host", format!("is no host name: {why}"));
                None
            }
        }
    }

    fn senders(&mut self, texts: &[String]) -> Vec<SenderPattern> {
        if texts.is_empty() {
            self.blocks("senders", "needs at least one address");
        }
        let mut senders = Vec::new();
        for (number, text) in texts.iter().enumerate() {
            let field = format!("senders[{number}]");
            let sender = match SenderPattern::parse(text.trim()) {
                Ok(sender) => sender,
                Err(why) => {
                    self.blocks(field, format!("is no address and no *@domain: {why}"));
                    continue;
                }
            };
            let domain = match &sender {
                SenderPattern::Null => None,
                SenderPattern::Exactly(mailbox) => mailbox.domain(),
                SenderPattern::AnyAt(domain) | SenderPattern::AnyBelow(domain) => Some(domain),
            };
            if !self.is_own(domain) {
                self.blocks(field, "is not of a domain of the organisation");
                continue;
            }
            match &sender {
                SenderPattern::Exactly(mailbox) if is_nobody(mailbox) => {
                    self.doubts(
                        field,
                        "is read by nobody: what cannot be delivered comes back there and is lost",
                    );
                }
                SenderPattern::AnyAt(_) | SenderPattern::AnyBelow(_) => {
                    self.doubts(field, "lets it send as everybody of that domain");
                }
                _ => {}
            }
            senders.push(sender);
        }
        senders
    }

    /// What it calls itself: it says something of what comes by its address alone.
    fn hellos(&mut self, texts: &[String], authentication: Option<Authentication>) -> Vec<HelloPattern> {
        if !texts.is_empty() && authentication.is_some_and(|way| way != Authentication::None) {
            self.doubts("hello", "is not looked at of what logs in");
        }
        let mut hellos = Vec::new();
        for (number, text) in texts.iter().enumerate() {
            match HelloPattern::parse(text.trim()) {
                Ok(hello) => hellos.push(hello),
                Err(why) => self.blocks(format!("hello[{number}]"), why.to_string()),
            }
        }
        hellos
    }

    /// Faults that are mended for it.
    fn tolerances(&mut self, texts: &[String]) -> Tolerances {
        let mut tolerances = Tolerances::NONE;
        for (number, text) in texts.iter().enumerate() {
            match text.trim() {
                "bare-lf" => tolerances.bare_lf = true,
                "long-lines" => tolerances.long_lines = true,
                "missing-from" => tolerances.missing_from = true,
                "no-starttls-advertised" => tolerances.no_starttls_advertised = true,
                _ => self.blocks(
                    format!("tolerate[{number}]"),
                    "is to be bare-lf, long-lines, missing-from or no-starttls-advertised",
                ),
            }
        }
        tolerances
    }

    fn replaces(&mut self, text: &str) -> Option<CaseId> {
        let id = CaseId::parse(text.trim());
        if id.is_none() && !text.trim().is_empty() {
            self.blocks("replaces", "is no case; write it as in pc-1042");
        }
        id
    }

    fn scope(&mut self, texts: &[String]) -> Option<Scope> {
        match texts {
            [] => Some(Scope::Internal),
            [any] if any.trim().eq_ignore_ascii_case("any") => Some(Scope::Any),
            _ => {
                let mut domains = Vec::new();
                for (number, text) in texts.iter().enumerate() {
                    match DomainPattern::parse(text.trim()) {
                        Ok(domain) => domains.push(domain),
                        Err(why) => self.blocks(format!("recipients[{number}]"), format!("is no domain: {why}")),
                    }
                }
                (domains.len() == texts.len()).then_some(Scope::Domains(domains))
            }
        }
    }

    /// The end of the day that was named, in UTC.
    fn until(&mut self, text: &str) -> Option<Timestamp> {
        let House { now, longest, .. } = self.house;
        let latest = now.plus(std::time::Duration::from_secs(86_400) * longest);
        if text.trim().is_empty() {
            return Some(latest);
        }
        let end = text.trim().parse::<jiff::civil::Date>().ok().and_then(|date| {
            let next = date.tomorrow().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
            Some(Timestamp(next.timestamp().as_millisecond() - 1))
        });
        match end {
            None => self.blocks("until", "is no date; write it as 2027-06-30"),
            Some(end) if end <= now => self.blocks("until", "lies in the past"),
            Some(end) if end > latest => {
                self.blocks(
                    "until",
                    format!("is too far away; {} is the last day that is possible", latest.to_date()),
                );
            }
            Some(end) => return Some(end),
        }
        None
    }

    fn volume(&mut self, form: &Form, per_day: u32, octets: u64) {
        let volume = form.volume;
        if volume.per_day == 0 {
            self.blocks("volume.per_day", "is needed: how many messages on a usual day?");
        }
        if volume.per_day > per_day {
            self.blocks("volume.per_day", format!("is more than its kind may send: {per_day}"));
        }
        if volume.per_hour > volume.per_day {
            self.doubts("volume.per_hour", "is more than on a whole day");
        }
        if volume.octets > octets {
            self.blocks("volume.octets", format!("is more than its kind may send: {octets}"));
        }
    }

    /// What the track needs beside the rest; whoever takes the risk of an exception.
    fn beside(&mut self, form: &Form, track: Track, device: Device, requestor: Option<&Mailbox>) -> Option<Mailbox> {
        if device.is_consulted() {
            match &form.application {
                Some(application) => self.application(application),
                None => self.blocks("application", "is needed for applications and servers"),
            }
        }
        if track != Track::Exception {
            return None;
        }
        match &form.exception {
            Some(addendum) => self.exception(addendum, requestor),
            None => {
                self.blocks(
                    "exception",
                    "is needed: it cannot log in over TLS, and somebody has to take that risk",
                );
                None
            }
        }
    }

    fn application(&mut self, application: &Consultation) {
        for (field, text) in [
            ("application.hosting", &application.hosting),
            ("application.patched_by", &application.patched_by),
            ("application.signing", &application.signing),
        ] {
            if text.trim().is_empty() {
                self.blocks(field, "is needed");
            }
        }
        self.person(&application.on_call, "application.on_call");
        if application.bulk && !application.unsubscribe {
            self.blocks(
                "application.unsubscribe",
                "is needed for bulk: people have to be able to leave",
            );
        }
    }

    fn exception(&mut self, addendum: &Addendum, requestor: Option<&Mailbox>) -> Option<Mailbox> {
        if addendum.justification.trim().chars().count() < JUSTIFICATION_MIN {
            self.blocks(
                "exception.justification",
                format!("is too short: at least {JUSTIFICATION_MIN} letters"),
            );
        }
        for (field, text) in [
            ("exception.hindrance", &addendum.hindrance),
            ("exception.replacement", &addendum.replacement),
        ] {
            if text.trim().is_empty() {
                self.blocks(field, "is needed");
            }
        }
        if !addendum.firmware_checked {
            self.blocks("exception.firmware_checked", "look for newer firmware first");
        }
        let head = self.person(&addendum.head, "exception.head")?;
        if requestor.is_some_and(|requestor| is_same(requestor, &head)) {
            self.blocks(
                "exception.head.email",
                "is the requestor: nobody takes the risk of their own request",
            );
            return None;
        }
        Some(head)
    }
}

fn track(device: Device, authentication: Authentication, tls: Tls, bulk: bool, scope: Option<&Scope>) -> Track {
    if authentication == Authentication::None || !tls.keeps_secrets() {
        return Track::Exception;
    }
    if device.is_consulted() {
        let security = bulk || matches!(scope, Some(Scope::Any));
        return Track::Consultation { security };
    }
    Track::Authenticated
}

/// Two spellings of one address are one person.
fn is_same(one: &Mailbox, other: &Mailbox) -> bool {
    one.to_string().eq_ignore_ascii_case(&other.to_string())
}

/// By its name, nobody reads it.
fn is_nobody(mailbox: &Mailbox) -> bool {
    let plain: String = mailbox
        .local()
        .as_str()
        .chars()
        .filter(|char| char.is_ascii_alphanumeric())
        .map(|char| char.to_ascii_lowercase())
        .collect();
    matches!(plain.as_str(), "noreply" | "donotreply" | "nobody" | "devnull")
}

fn has_leading_zeros(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() == 4
        && parts
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|octet| octet.is_ascii_digit()))
        && parts.iter().any(|part| part.len() > 1 && part.starts_with('0'))
}
