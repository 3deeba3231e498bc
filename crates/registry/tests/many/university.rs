//! A university with as many grants as are asked for: every kind of device, every track, every place a case may stand.

use std::time::Duration;

use mail::{DomainPattern, Timestamp};
use policy::{Generation, Listener, Organisation, Place, Rulebook, Snapshot, Ungranted};
use registry::{
    Actor, Addendum, CaseId, Consultation, Contact, Desk, Event, Form, Names, Network, Register, Risk, Role, Rules,
    Signature, Source, Store, TextVersion, Volume, Zones,
};

pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_795_305_600);

pub(crate) fn after(days: u32) -> Timestamp {
    NOW.plus(Duration::from_secs(86_400) * days)
}

/// An address of its own for each case.
fn address(number: u32) -> String {
    let [_, high, middle, low] = number.to_be_bytes();
    format!("10.{}.{middle}.{low}", 20 + u32::from(high))
}

pub(crate) fn rules(cases: u32) -> Rules {
    let rows: String = (0..cases)
        .map(|number| format!("{},,host{number}.example.edu,static\n", address(number)))
        .collect();
    Rules {
        domains: vec![DomainPattern::parse("example.edu").unwrap()],
        network: Network {
            own: vec!["10.0.0.0/8".parse().unwrap()],
            register: Source::Known(Register::read(&format!("ip,mac,fqdn,type\n{rows}")).unwrap()),
            zones: Source::Known(Zones::read("10.0.0.0/8,MOD").unwrap()),
            ..Network::default()
        },
        device_zone: Some("MOD".into()),
        ..Rules::default()
    }
}

fn contact(who: &str, number: u32) -> Contact {
    Contact {
        name: format!("{who} of {number}"),
        email: format!("{who}{}@example.edu", number % 700),
    }
}

/// Each third cannot log in, the others can; of these each second is an application, some of them in bulk.
fn form(number: u32) -> Form {
    let (device, authentication, tls) = match number % 6 {
        0 => ("copier", "none", "none"),
        1 => ("copier", "password", "1.2"),
        2 => ("application", "password", "1.3"),
        3 => ("ups", "none", "old"),
        4 => ("instrument", "oauth2", "1.3"),
        _ => ("application", "oauth2", "1.3"),
    };
    let recipients = match number % 4 {
        0 => vec!["any".to_owned()],
        1 => vec!["partner.example.org".to_owned()],
        _ => Vec::new(),
    };
    Form {
        requestor: contact("ann", number),
        technical: contact("tom", number),
        owner: contact("olga", number),
        department: format!("Department {}", number % 50),
        device: device.to_owned(),
        address: address(number),
        host: format!("host{number}.example.edu"),
        senders: vec![format!("device{number}@example.edu")],
        recipients,
        volume: Volume {
            per_day: 1 + number % 90,
            per_hour: 1,
            octets: 1_000_000,
        },
        authentication: authentication.to_owned(),
        tls: tls.to_owned(),
        purpose: format!("what device {number} has to say"),
        exception: (authentication == "none").then(|| Addendum {
            head: contact("dean", number),
            justification: "The only machine of its kind in the building; its successor is ordered.".to_owned(),
            hindrance: "no SMTP AUTH in any firmware".to_owned(),
            firmware_checked: true,
            replacement: "2027".to_owned(),
        }),
        application: (device == "application").then(|| Consultation {
            hosting: "the data centre".to_owned(),
            patched_by: "operations".to_owned(),
            bulk: number.is_multiple_of(5),
            unsubscribe: true,
            signing: "example.edu".to_owned(),
            on_call: contact("night", number),
        }),
        ..Form::default()
    }
}

fn human(who: &str, role: Role) -> Actor {
    Actor::human(who, role)
}

/// Fills a registry; how many of the cases are grants now.
pub(crate) fn fill<S: Store>(desk: &mut Desk<S>, cases: u32) -> usize {
    for number in 0..cases {
        case(desk, number);
    }
    desk.grants(NOW).unwrap().len()
}

/// A case goes its way, as far as its number says.
fn case<S: Store>(desk: &mut Desk<S>, number: u32) {
    let form = form(number);
    let (ann, head) = (
        &form.requestor.email,
        form.exception.as_ref().map(|addendum| &addendum.head.email),
    );
    let scope = format!("department{}", number % 50);
    let id = desk
        .request(&scope, &form, &human(ann, Role::Requestor), NOW)
        .unwrap()
        .0
        .id;
    if number % 50 == 49 {
        return;
    }
    let submitted = desk.submit(id, &human(ann, Role::Requestor), NOW);
    if let Err(why) = submitted {
        panic!("{why}");
    }
    let until = after(200 + number % 100);
    let admin = human("relay@example.edu", Role::Admin);
    let mut kept = desk.act(id, &Event::Complete { until }, &admin, NOW).unwrap();
    if let Some(head) = head {
        let signature = Signature {
            ticked: [true; 3],
            name: "Dean D. Dean".into(),
            words: TextVersion::current(),
            request: form.hash(),
        };
        kept = desk
            .act(id, &Event::Acknowledge(signature), &human(head, Role::Head), NOW)
            .unwrap();
    }
    if kept.case.state == registry::State::SecurityReview {
        let decide = Event::Decide {
            risk: Risk::Low,
            controls: "pinned to its address and its sender".into(),
            until,
        };
        desk.act(id, &decide, &human("iso@example.edu", Role::Security), NOW)
            .unwrap();
    }
    desk.check(id, &Names::default(), NOW).unwrap();
    later(desk, id, number);
}

/// What becomes of a grant.
fn later<S: Store>(desk: &mut Desk<S>, id: CaseId, number: u32) {
    let gate = Actor::rule("gate");
    let security = human("iso@example.edu", Role::Security);
    let reason = || "as it has to be".into();
    if !number.is_multiple_of(3) {
        let event = Event::Accepted {
            message: "1".into(),
            counts: true,
        };
        desk.act(id, &event, &gate, NOW).unwrap();
    }
    match number % 97 {
        1 => {
            let alert = Event::Abuse { alert: "phish".into() };
            desk.act(id, &alert, &Actor::rule("abuse-phish"), NOW).unwrap();
        }
        2 => {
            desk.act(id, &Event::Suspend { reason: reason() }, &security, NOW)
                .unwrap();
        }
        3 => {
            desk.act(id, &Event::Revoke { reason: reason() }, &security, NOW)
                .unwrap();
        }
        _ => {}
    }
}

/// What a gate serves by: the grants of the registry in a house of their own.
pub(crate) fn snapshot<S: Store>(desk: &mut Desk<S>) -> Snapshot {
    let listener = |name: &str, role| Listener {
        name: name.into(),
        role,
        zone: None,
        ungranted: Ungranted::Deny,
        place: Place::default(),
    };
    let book = Rulebook {
        organisation: Organisation {
            name: "Example University".to_owned(),
            domains: vec![DomainPattern::parse("example.edu").unwrap()],
            networks: vec!["10.0.0.0/8".parse().unwrap()],
            never_a_client: vec!["10.255.0.0/16".parse().unwrap()],
            dynamic: vec!["10.66.0.0/16".parse().unwrap()],
            ..Organisation::default()
        },
        listeners: vec![
            listener("mx", policy::Role::Mx),
            listener("submission", policy::Role::Submission),
            listener("devices", policy::Role::Relay),
        ],
        grants: desk.grants(NOW).unwrap(),
        ..Rulebook::default()
    };
    Snapshot::build(book, Generation(1), 1).unwrap_or_else(|conflicts| panic!("{conflicts:?}"))
}
