//! Who may relay, and whose mail goes on elsewhere.

use std::collections::BTreeMap;

use mail::{DomainPattern, Timestamp, Tolerances};
use policy::{
    Bounds, By, CertificateId, Class, Grant, GrantState, HelloPattern, LimitSpec, Name, Rulebook, Scope, SenderPattern,
};

use super::desk::{Desk, in_order, values};
use super::exceptions;
use super::organisation::is_ours;
use super::{authorities, secrets, tokens};
use crate::config::Problem;
use crate::config::file::{self, At, Day, File, List, Maybe, RawRole, Spelled, Tolerance, Words};
use crate::identities::{Verifier, Vouching};

/// Octets of a login at most.
const LOGIN_OCTETS_MAX: usize = 255;

/// Resolves the grants into the rulebook; returns the logins among them.
pub(super) fn resolve(
    file: &File,
    vouching: &Vouching,
    rulebook: &mut Rulebook,
    desk: &mut Desk<'_>,
) -> BTreeMap<Name, Verifier> {
    let mut logins = BTreeMap::new();
    let bounds = rulebook.intent.bounds.clone();
    for (name, written) in in_order(&file.grants) {
        let mut form = Form {
            name,
            written,
            file,
            vouching,
            bounds: &bounds,
            desk,
        };
        let own = rulebook.organisation.domains.clone();
        if let Some(grant) = form.grant(&own, &mut logins) {
            if written.foreign_senders.as_ref().is_some_and(|meant| **meant) {
                rulebook.intent.foreign_senders.push(grant.name.clone());
            }
            rulebook.grants.push(grant);
        }
    }
    logins
}

/// One grant being read.
struct Form<'f, 'd, 'a> {
    name: &'f At<String>,
    written: &'f file::Grant,
    file: &'f File,
    vouching: &'f Vouching,
    bounds: &'f Bounds,
    desk: &'d mut Desk<'a>,
}

impl Form<'_, '_, '_> {
    /// The whole grant; `None` where something it cannot be without is missing.
    fn grant(&mut self, own: &[DomainPattern], logins: &mut BTreeMap<Name, Verifier>) -> Option<Grant> {
        let written = self.written;
        let name = self.desk.name(self.name);
        let owner = self.words("owner", &written.owner, "somebody must answer for it");
        let contact = self.need("contact", &written.contact, "somebody must hear of its troubles");
        let reason = self.words(
            "reason",
            &written.reason,
            "a year from now nobody knows what it was for",
        );
        let (from_time, until) = self.validity();
        let by = self.by(logins);
        self.senders(own);
        let scope = self.scope();
        let class = self.need(
            "class",
            &written.class,
            "it sets the limits, and what happens above them",
        );
        let class = class.map(|class| Class::from(**class));
        let limits = self.limits(class);
        let zone = zone(&written.zone, self.file, self.desk);
        let listeners = self.listeners();
        let state = self.state();
        Some(Grant {
            name,
            owner: owner?,
            contact: (***contact?).clone(),
            reason: reason?,
            from_time,
            until: until?,
            by: by?,
            networks: values(&written.networks),
            hellos: self.hellos(),
            zone,
            listeners,
            senders: values(&written.from),
            header_from: values(&written.header_from),
            scope: scope?,
            class: class?,
            limits,
            tolerances: tolerances(&written.tolerate),
            state,
            place: self.desk.place(&self.name.span()),
        })
    }

    fn missing(&self, key: &str) -> String {
        format!("grant {} has no {key}", self.name.get())
    }

    fn need<'v, T>(&mut self, key: &str, value: &'v Maybe<T>, why: &str) -> Option<&'v At<T>> {
        let missing = self.missing(key);
        self.desk
            .need(&["grants", self.name, key], value, &self.name.span(), missing, why)
    }

    fn words(&mut self, key: &str, value: &Maybe<String>, why: &str) -> Option<String> {
        let missing = self.missing(key);
        let path = ["grants", self.name, key];
        self.desk
            .words(&path, value, &self.name.span(), missing, why)
            .map(str::to_owned)
    }

    fn validity(&mut self) -> (Timestamp, Option<Timestamp>) {
        let starts = self.written.starts.as_ref().map(|day| day.begin());
        let Some(last) = self.need(
            "until",
            &self.written.until,
            "a permission without an end outlives its reason",
        ) else {
            return (starts.unwrap_or_default(), None);
        };
        let until = last.end();
        ended(last, self.desk, "this grant");
        if let Some(first) = self.written.starts.as_ref().filter(|first| first.begin() > until) {
            self.desk.say(
                Problem::error(first.span(), format!("this grant begins after its end, {}", **last))
                    .also(last.span(), "its end"),
            );
        }
        (starts.unwrap_or_default(), Some(until))
    }

    /// Exactly one way to show the grant.
    fn by(&mut self, logins: &mut BTreeMap<Name, Verifier>) -> Option<By> {
        let by = self.need(
            "by",
            &self.written.by,
            "somebody must be able to show that the grant is theirs",
        )?;
        let ways = [
            by.password.is_some(),
            by.token.is_some(),
            by.directory.is_some(),
            by.certificate.is_some(),
            by.subject.is_some(),
            by.address.is_some(),
        ];
        let spoiled = self.desk.is_spoiled(&["grants", self.name, "by"]);
        if ways.iter().filter(|way| **way).count() != 1 {
            if !spoiled {
                self.desk.say(
                    Problem::error(by.span(), "a grant is shown in exactly one way")
                        .why("two ways would be two clients under one name")
                        .advise("write one of `password`, `token`, `directory`, `certificate`, `subject`, `address`"),
                );
            }
            return None;
        }
        if by.password.is_none() {
            secrets::belong_to_nobody(by, self.desk);
        }
        if by.token.is_none() {
            tokens::belong_to_nobody(by, self.desk);
        }
        if by.subject.is_none() {
            authorities::belong_to_nobody(by, self.desk);
        }
        if let Some(login) = &by.directory {
            return self.directory(login, logins);
        }
        if by.subject.is_some() {
            let id = authorities::read(by, &self.vouching.authorities, spoiled, self.desk)?;
            return Some(By::Certificate(vec![id]));
        }
        match (&by.password, &by.token, &by.certificate, &by.address) {
            (Some(login), ..) => self.login(login, by, logins),
            (_, Some(login), ..) => self.token(login, by, logins),
            (_, _, Some(pin), _) => Some(By::Certificate(vec![CertificateId::Key(pin.0)])),
            (.., Some(networks)) => self.address(by, networks),
            _ => None,
        }
    }

    fn login(&mut self, login: &At<String>, by: &At<file::By>, logins: &mut BTreeMap<Name, Verifier>) -> Option<By> {
        if !self.is_login(login) {
            return None;
        }
        let spoiled = self.desk.is_spoiled(&["grants", self.name, "by"]);
        let verifier = secrets::read(login, by, spoiled, self.desk)?;
        logins.insert(login.to_ascii_lowercase().into(), verifier);
        Some(By::Login(login.as_str().into()))
    }

    fn token(&mut self, login: &At<String>, by: &At<file::By>, logins: &mut BTreeMap<Name, Verifier>) -> Option<By> {
        if !self.is_login(login) {
            return None;
        }
        let spoiled = self.desk.is_spoiled(&["grants", self.name, "by"]);
        let verifier = tokens::read(login, by, &self.vouching.issuers, spoiled, self.desk)?;
        logins.insert(login.to_ascii_lowercase().into(), verifier);
        Some(By::Login(login.as_str().into()))
    }

    fn directory(&mut self, login: &At<String>, logins: &mut BTreeMap<Name, Verifier>) -> Option<By> {
        if !self.is_login(login) {
            return None;
        }
        if self.vouching.directory.is_none() && !self.desk.is_spoiled(&["identities"]) {
            self.desk.say(
                Problem::error(login.span(), "there is no directory")
                    .why("nobody could say whether this login's password is right")
                    .advise("declare it: `[identities.directory]`"),
            );
            return None;
        }
        logins.insert(login.to_ascii_lowercase().into(), Verifier::Directory);
        Some(By::Login(login.as_str().into()))
    }

    /// Names in HELO, which say something of what comes by its address alone.
    fn hellos(&mut self) -> Vec<HelloPattern> {
        let written = self.written;
        let by_address = written.by.as_ref().is_some_and(|by| by.address.is_some());
        if let Some(first) = written.hello.first().filter(|_| !by_address) {
            self.desk.say(
                Problem::error(first.span(), "this grant is not shown by an address")
                    .why("what a client calls itself says nothing about one that logs in")
                    .advise("take `hello` away"),
            );
        }
        values(&written.hello)
    }

    fn is_login(&mut self, login: &At<String>) -> bool {
        let fits = !login.is_empty() && login.len() <= LOGIN_OCTETS_MAX && !login.contains(char::is_control);
        if !fits {
            self.desk
                .say(Problem::error(login.span(), "this is no login").advise("use 1 to 255 printable characters"));
        }
        fits
    }

    fn address(&mut self, by: &At<file::By>, networks: &List<ipnet::IpNet>) -> Option<By> {
        if networks.is_empty() {
            if !self.desk.is_spoiled(&["grants", self.name, "by"]) {
                self.desk
                    .say(Problem::error(by.span(), "this exception names no address").advise("name the device's own"));
            }
            return None;
        }
        // That there is no class is said elsewhere.
        let class = self
            .written
            .class
            .as_ref()
            .map_or(Class::Legacy, |class| Class::from(**class));
        exceptions::check(networks, self.bounds.widest(class), self.file, self.desk);
        Some(By::Address(values(networks)))
    }

    fn senders(&mut self, own: &[DomainPattern]) {
        let written = self.written;
        if written.from.is_empty() && !self.desk.is_spoiled(&["grants", self.name, "from"]) {
            let missing = self.missing("from");
            self.desk.say(
                Problem::error(self.name.span(), missing)
                    .why("a grant that may send as nobody sends nothing")
                    .advise("add `from = [\"billing@example.edu\"]`, as narrow as the purpose allows"),
            );
        }
        if written.foreign_senders.as_ref().is_some_and(|meant| **meant) {
            return;
        }
        for sender in written.from.iter().chain(&written.header_from) {
            if !sender_is_ours(own, sender) {
                self.desk.say(
                    Problem::error(sender.span(), "this sender is in none of our domains")
                        .why("other servers refuse mail we send under names that are not ours")
                        .advise("correct it, or write `foreign_senders = true` if this is meant"),
                );
            }
        }
    }

    fn scope(&mut self) -> Option<Scope> {
        let to = self.need("to", &self.written.to, "to whom it may send is the heart of a grant")?;
        match to.get() {
            Words::One(word) if word == "internal" => Some(Scope::Internal),
            Words::One(word) if word == "any" => Some(Scope::Any),
            Words::List(domains) if !domains.is_empty() => {
                let read: Vec<_> = domains.iter().filter_map(|domain| self.domain(domain)).collect();
                (read.len() == domains.len()).then_some(Scope::Domains(read))
            }
            Words::One(_) | Words::List(_) => {
                self.desk.say(
                    Problem::error(to.span(), "this does not say to whom the grant may send")
                        .advise("write \"internal\", \"any\", or a list of domains beside our own"),
                );
                None
            }
        }
    }

    fn domain(&mut self, written: &At<String>) -> Option<DomainPattern> {
        DomainPattern::spell(written)
            .map_err(|why| self.desk.say(Problem::error(written.span(), why)))
            .ok()
    }

    fn limits(&mut self, class: Option<Class>) -> LimitSpec {
        let mut limits = class.unwrap_or(Class::Legacy).limits();
        let written = &self.written.limits;
        let counts = [
            (&written.messages_per_minute, &mut limits.messages_per_minute),
            (&written.messages_per_hour, &mut limits.messages_per_hour),
            (&written.messages_per_day, &mut limits.messages_per_day),
            (&written.recipients_per_message, &mut limits.recipients_per_message),
            (&written.recipients_per_day, &mut limits.recipients_per_day),
        ];
        for (written, limit) in counts {
            if let Some(count) = written {
                *limit = **count;
                if **count == 0 {
                    self.desk.say(
                        Problem::error(count.span(), "a limit of 0 lets nothing through")
                            .advise("to stop a grant for a while write `suspended = \"why\"`"),
                    );
                }
            }
        }
        // Nothing at all may be held: that is a way to say "above the limit, defer".
        limits.held_messages = written
            .held_messages
            .as_ref()
            .map_or(limits.held_messages, |count| **count);
        limits.octets_per_message = written
            .message_size
            .as_ref()
            .map_or(limits.octets_per_message, |size| size.0);
        limits.held_octets = written.held_size.as_ref().map_or(limits.held_octets, |size| size.0);
        limits
    }

    fn listeners(&mut self) -> Vec<Name> {
        let mut names = Vec::new();
        for written in &self.written.listeners {
            match self.file.listeners.get(written.as_str()) {
                None => {
                    let known = self.file.listeners.keys().map(|name| name.as_str()).collect();
                    unknown("listener", written, known, self.desk);
                }
                Some(listener) => self.may_relay(written, listener),
            }
            names.push(Name::from(written.as_str()));
        }
        names
    }

    fn may_relay(&mut self, name: &At<String>, listener: &file::Listener) {
        let role = listener.role.as_ref().map(|role| **role);
        let by_login = self.written.by.as_ref().is_none_or(|by| {
            let other = by.certificate.is_some() || by.subject.is_some() || by.address.is_some();
            !other
        });
        let why = match role {
            Some(RawRole::Mx | RawRole::Health) => "nobody relays there",
            Some(RawRole::Submission | RawRole::Submissions) if !by_login => "there only logins count",
            _ => return,
        };
        self.desk.say(
            Problem::error(name.span(), format!("the grant cannot hold on listener {}", name.get()))
                .why(why)
                .advise("name a listener where it can, or none at all"),
        );
    }

    fn state(&mut self) -> GrantState {
        match &self.written.suspended {
            None => GrantState::Active,
            Some(why) => {
                if why.trim().is_empty() {
                    self.desk.say(
                        Problem::error(why.span(), "a suspension needs a reason")
                            .why("whoever is refused is told that the grant is suspended, and asks why"),
                    );
                }
                GrantState::Suspended(why.get().clone())
            }
        }
    }
}

/// Says that something has ended already.
pub(super) fn ended(last: &At<Day>, desk: &mut Desk<'_>, what: &str) {
    if last.end() < desk.machine.now {
        desk.say(
            Problem::warning(last.span(), format!("{what} has ended"))
                .why("whoever uses it is refused")
                .advise("remove it, or renew it with a new date"),
        );
    }
}

fn sender_is_ours(own: &[DomainPattern], sender: &SenderPattern) -> bool {
    match sender {
        SenderPattern::Null => true,
        SenderPattern::Exactly(mailbox) => mailbox
            .domain()
            .is_some_and(|domain| is_ours(own, &DomainPattern::Exactly(domain.clone()))),
        SenderPattern::AnyAt(domain) => is_ours(own, &DomainPattern::Exactly(domain.clone())),
        SenderPattern::AnyBelow(parent) => is_ours(own, &DomainPattern::Below(parent.clone())),
    }
}

fn tolerances(written: &[At<Tolerance>]) -> Tolerances {
    let mut tolerances = Tolerances::NONE;
    for tolerance in written {
        match **tolerance {
            Tolerance::BareLf => tolerances.bare_lf = true,
            Tolerance::LongLines => tolerances.long_lines = true,
            Tolerance::MissingFrom => tolerances.missing_from = true,
            Tolerance::NoStarttlsAdvertised => tolerances.no_starttls_advertised = true,
        }
    }
    tolerances
}

/// A zone that is declared; `None` where none is named, or one that is not there.
pub(super) fn zone(written: &Maybe<String>, file: &File, desk: &mut Desk<'_>) -> Option<Name> {
    let written = written.as_ref()?;
    if file.zones.contains_key(written.as_str()) {
        return Some(Name::from(written.as_str()));
    }
    if !desk.is_spoiled(&["zones", written]) {
        unknown(
            "zone",
            written,
            file.zones.keys().map(|name| name.as_str()).collect(),
            desk,
        );
    }
    None
}

fn unknown(what: &str, written: &At<String>, known: Vec<&str>, desk: &mut Desk<'_>) {
    let problem = Problem::error(written.span(), format!("there is no {what} {}", written.get()));
    desk.say(match file::nearest(written, &known) {
        Some(near) => problem.advise(format!("did you mean `{near}`?")),
        None => problem.advise(format!("declare [{what}s.{}], or correct the name", written.get())),
    });
}
