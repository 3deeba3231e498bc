//! A small, sound configuration: everything is proven of it. Tests spoil one thing each.

#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use ipnet::IpNet;
use mail::{DomainPattern, Timestamp, Tolerances};
use policy::{
    AsWhom, Assertion, By, CertificateId, Class, Door, Forward, Generation, Grant, GrantState, Intent, Listener, Must,
    Organisation, Place, Recipients, Role, Route, Rulebook, Scope, SenderPattern, Snapshot, ToWhom, Ungranted, Who,
    Zone,
};

pub(crate) const DAY: i64 = 86_400_000;
/// When the declarations were written.
pub(crate) const WRITTEN: Timestamp = Timestamp(20_000 * DAY);

pub(crate) fn nets(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

pub(crate) fn domains(texts: &[&str]) -> Vec<DomainPattern> {
    texts.iter().map(|text| DomainPattern::parse(text).unwrap()).collect()
}

pub(crate) fn senders(texts: &[&str]) -> Vec<SenderPattern> {
    texts.iter().map(|text| SenderPattern::parse(text).unwrap()).collect()
}

pub(crate) fn grant(name: &str, by: By, line: u32) -> Grant {
    Grant {
        name: name.into(),
        owner: "Chemistry".into(),
        contact: "it@chem.own.test".parse().unwrap(),
        reason: "scan to mail".into(),
        from_time: Timestamp(0),
        until: Timestamp(WRITTEN.0 + 300 * DAY),
        by,
        networks: Vec::new(),
        zone: None,
        hellos: Vec::new(),
        listeners: Vec::new(),
        senders: senders(&["scan@chem.own.test"]),
        header_from: Vec::new(),
        scope: Scope::Internal,
        class: Class::Device,
        limits: Class::Device.limits(),
        tolerances: Tolerances::NONE,
        state: GrantState::Active,
        place: Place { line },
    }
}

pub(crate) fn route(name: &str, domain: &str, line: u32) -> Route {
    Route {
        name: name.into(),
        domains: domains(&[domain]),
        recipients: Recipients::Any,
        place: Place { line },
    }
}

pub(crate) fn assertion(must: Must, name: &str) -> Assertion {
    Assertion {
        must,
        name: name.into(),
        who: Who::Anybody,
        sources: Vec::new(),
        door: None,
        senders: Vec::new(),
        recipients: Vec::new(),
        encrypted: None,
        place: Place { line: 63 },
    }
}

pub(crate) fn never_from(source: &str) -> Assertion {
    Assertion {
        sources: nets(&[source]),
        recipients: vec![ToWhom::External],
        ..assertion(Must::Never, "the guest network sends nothing outside")
    }
}

pub(crate) fn always() -> Assertion {
    Assertion {
        sources: nets(&["203.0.113.0/28"]),
        door: Some(Door::Named("mx".into())),
        recipients: vec![ToWhom::Domains(DomainPattern::parse("own.test").unwrap())],
        ..assertion(Must::Always, "the hospital can always reach us")
    }
}

pub(crate) fn erp() -> Grant {
    Grant {
        networks: nets(&["10.30.0.0/24"]),
        scope: Scope::Any,
        class: Class::Application,
        limits: Class::Application.limits(),
        senders: senders(&["billing@own.test"]),
        ..grant("erp", By::Login("erp".into()), 41)
    }
}

pub(crate) fn copier() -> Grant {
    grant("copier", By::Address(nets(&["10.20.3.14/32"])), 50)
}

/// The sound configuration.
pub(crate) fn book() -> Rulebook {
    let listener = |name: &str, role, zone: Option<&str>, ungranted, line| Listener {
        name: name.into(),
        role,
        zone: zone.map(Into::into),
        ungranted,
        place: Place { line },
    };
    Rulebook {
        organisation: Organisation {
            name: "Own".into(),
            domains: domains(&["own.test", "*.own.test"]),
            networks: nets(&["10.0.0.0/8", "2001:db8:1::/48"]),
            never_a_client: nets(&["10.255.0.0/16"]),
            dynamic: nets(&["10.77.0.0/16"]),
            place: Place { line: 5 },
            ..Organisation::default()
        },
        zones: vec![Zone {
            name: "moderate".into(),
            networks: nets(&["10.20.0.0/16"]),
            place: Place { line: 12 },
        }],
        listeners: vec![
            listener("mx", Role::Mx, None, Ungranted::Deny, 15),
            listener("submission", Role::Submission, None, Ungranted::Deny, 18),
            listener("devices", Role::Relay, Some("moderate"), Ungranted::InternalOnly, 21),
            listener("relay", Role::Relay, None, Ungranted::Deny, 24),
        ],
        routes: vec![
            route("main", "own.test", 30),
            route("chemistry", "chem.own.test", 32),
            Route {
                recipients: Recipients::Asked,
                ..route("physics", "phys.own.test", 34)
            },
        ],
        forwards: vec![Forward {
            name: "away".into(),
            from: "bob@own.test".parse().unwrap(),
            to: "bob@elsewhere.example".parse().unwrap(),
            owner: "Bob".into(),
            reason: "sabbatical".into(),
            until: Timestamp(WRITTEN.0 + 100 * DAY),
            place: Place { line: 36 },
        }],
        grants: vec![
            erp(),
            copier(),
            grant("partner", By::Certificate(vec![CertificateId::Key([7; 32])]), 58),
        ],
        intent: Intent {
            assertions: vec![
                never_from("10.66.0.0/16"),
                always(),
                Assertion {
                    who: Who::Grant("erp".into()),
                    sources: nets(&["10.30.0.0/24"]),
                    senders: vec![AsWhom::Pattern(SenderPattern::parse("billing@own.test").unwrap())],
                    recipients: vec![ToWhom::External],
                    ..assertion(Must::Always, "invoices go out")
                },
            ],
            bounds: policy::Bounds {
                written: Some(WRITTEN),
                ..policy::Bounds::default()
            },
            foreign_senders: Vec::new(),
            hidden: Vec::new(),
            destinations: vec![
                ("main".into(), mail::Host::parse("mail.own.test").unwrap()),
                ("chemistry".into(), mail::Host::parse("mail.chem.own.test").unwrap()),
                ("physics".into(), mail::Host::parse("mail.phys.own.test").unwrap()),
            ],
        },
    }
}

pub(crate) fn snapshot(book: Rulebook) -> Snapshot {
    Snapshot::build(book, Generation(1), 1).unwrap()
}
