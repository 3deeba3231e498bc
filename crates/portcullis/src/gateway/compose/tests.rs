use mail::{Domain, DomainPattern, Mailbox, Tolerances};
use policy::{
    AsWhom, Assertion, Class, Generation, GrantState, Intent, Listener, Must, Organisation, Role, Rulebook, Scope,
    SenderPattern, ToWhom, Ungranted, Who,
};

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_795_305_600);

fn after(days: u32) -> Timestamp {
    NOW.plus(DAY * days)
}

fn grant(name: &str, by: By) -> Grant {
    let network = |by: &By| match by {
        By::Login(_) => vec!["10.1.2.0/24".parse().unwrap()],
        _ => Vec::new(),
    };
    Grant {
        name: name.into(),
        owner: "Chemistry <olga@example.edu>".to_owned(),
        contact: Mailbox::parse("tom@example.edu").unwrap(),
        reason: "scans to mail".to_owned(),
        from_time: NOW,
        until: after(300),
        networks: network(&by),
        by,
        zone: None,
        hellos: Vec::new(),
        listeners: Vec::new(),
        senders: vec![SenderPattern::parse("scan@example.edu").unwrap()],
        header_from: Vec::new(),
        scope: Scope::Any,
        class: Class::Device,
        limits: Class::Device.limits(),
        tolerances: Tolerances::NONE,
        state: GrantState::Active,
        place: Place::default(),
    }
}

fn login(name: &str) -> Grant {
    grant(name, By::Login(name.into()))
}

fn at(name: &str, network: &str) -> Grant {
    grant(name, By::Address(vec![network.parse().unwrap()]))
}

fn declared(grants: Vec<Grant>, assertions: Vec<Assertion>) -> Snapshot {
    let rulebook = Rulebook {
        organisation: Organisation {
            name: "Example University".to_owned(),
            domains: vec![DomainPattern::Exactly(Domain::parse("example.edu").unwrap())],
            networks: vec!["10.0.0.0/8".parse().unwrap()],
            ..Organisation::default()
        },
        listeners: vec![Listener {
            name: "devices".into(),
            role: Role::Relay,
            zone: None,
            ungranted: Ungranted::Deny,
            place: Place { line: 3 },
        }],
        grants,
        intent: Intent {
            assertions,
            ..Intent::default()
        },
        ..Rulebook::default()
    };
    Snapshot::build(rulebook, Generation(7), 1).unwrap()
}

fn names(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.rulebook().grants.iter().map(|grant| &*grant.name).collect()
}

fn composed(declared: &Snapshot, grants: &[Grant]) -> Composed {
    compose(declared, &said(grants), declared, NOW)
}

fn said(grants: &[Grant]) -> Registered {
    Registered {
        grants: grants.into(),
        ..Registered::default()
    }
}

#[test]
fn what_is_granted_serves_beside_what_is_declared_under_the_number_of_the_file() {
    let file = declared(vec![at("copier", "10.1.2.3/32")], Vec::new());
    let composed = composed(&file, &[login("pc-1001"), at("pc-1002", "10.1.2.4/32")]);
    assert_eq!(names(&composed.snapshot), ["copier", "pc-1001", "pc-1002"]);
    assert!(composed.left_out.is_empty());
    assert_eq!(
        (composed.snapshot.generation(), composed.snapshot.hash()),
        (Generation(7), 1)
    );
    assert!(composed.snapshot.login_grant("PC-1001").is_some());
    assert_eq!(composed.snapshot.rulebook().grants[1].place, Place::default());
}

#[test]
fn who_claims_what_somebody_has_is_left_out_alone() {
    let file = declared(vec![at("copier", "10.1.2.3/32"), login("pc-1003")], Vec::new());
    let granted = [
        at("pc-1001", "10.1.2.3/32"),
        at("pc-1002", "10.1.2.4/32"),
        login("pc-1003"),
        at("pc-1004", "10.1.2.4/32"),
        at("pc-1005", "10.1.2.5/32"),
    ];
    let composed = composed(&file, &granted);
    assert_eq!(names(&composed.snapshot), ["copier", "pc-1003", "pc-1002", "pc-1005"]);
    let left: Vec<&str> = composed.left_out.keys().map(|name| &**name).collect();
    assert_eq!(left, ["pc-1001", "pc-1003", "pc-1004"]);
    assert!(composed.left_out["pc-1001"].starts_with("copier claims the same client"));
    assert!(composed.left_out["pc-1004"].starts_with("pc-1002 claims the same client"));
}

#[test]
fn who_breaks_what_must_hold_is_left_out_alone() {
    let never = Assertion {
        must: Must::Never,
        name: "copiers of the library stay inside".into(),
        who: Who::Anybody,
        sources: vec!["10.9.0.0/16".parse().unwrap()],
        door: None,
        senders: Vec::<AsWhom>::new(),
        recipients: vec![ToWhom::External],
        encrypted: None,
        place: Place { line: 9 },
    };
    let file = declared(vec![at("copier", "10.1.2.3/32")], vec![never]);
    let mut inside = at("pc-1003", "10.9.0.3/32");
    inside.scope = Scope::Internal;
    let granted = [
        at("pc-1001", "10.9.0.1/32"),
        at("pc-1002", "10.1.2.4/32"),
        inside,
        at("pc-1004", "192.0.2.1/32"),
        at("pc-1005", "10.1.0.0/16"),
    ];
    let composed = composed(&file, &granted);
    assert_eq!(names(&composed.snapshot), ["copier", "pc-1002", "pc-1003"]);
    let why = |name: &str| composed.left_out[name].as_str();
    assert!(why("pc-1001").contains("would no longer hold"), "{}", why("pc-1001"));
    assert!(why("pc-1004").contains("would no longer hold"), "{}", why("pc-1004"));
    assert!(why("pc-1005").contains("would no longer hold"), "{}", why("pc-1005"));
}

#[test]
fn what_served_is_not_proven_again_and_a_change_of_one_is_found() {
    let file = declared(Vec::new(), Vec::new());
    let first = composed(&file, &[at("pc-1001", "10.1.2.3/32"), at("pc-1002", "10.1.2.4/32")]);
    let mut stranger = at("pc-1002", "192.0.2.4/32");
    stranger.state = GrantState::Active;
    let next = said(&[at("pc-1001", "10.1.2.3/32"), stranger]);
    let next = compose(&file, &next, &first.snapshot, NOW);
    assert_eq!(names(&next.snapshot), ["pc-1001"]);
    assert_eq!(next.left_out.len(), 1);
}

#[test]
fn a_grant_may_be_renewed_year_after_year_and_none_lasts_longer_than_a_term_from_now() {
    let file = declared(Vec::new(), Vec::new());
    let mut renewed = at("pc-1001", "10.1.2.3/32");
    renewed.from_time = NOW.minus(DAY * 1500);
    let mut endless = at("pc-1002", "10.1.2.4/32");
    endless.until = after(1500);
    let composed = composed(&file, &[renewed, endless]);
    assert_eq!(names(&composed.snapshot), ["pc-1001"]);
    assert!(composed.snapshot.rulebook().grants[0].is_live(NOW));
    assert!(
        composed.left_out["pc-1002"].contains("lasts until"),
        "{:?}",
        composed.left_out
    );
}

#[test]
fn a_grant_of_the_file_is_suspended_by_the_registry_and_serves_again() {
    let file = declared(vec![at("copier", "10.1.2.3/32")], Vec::new());
    let suspended = Registered {
        suspended: BTreeMap::from([
            ("copier".into(), "phish".to_owned()),
            ("gone".into(), "spam".to_owned()),
        ]),
        ..Registered::default()
    };
    let narrowed = compose(&file, &suspended, &file, NOW).snapshot;
    assert_eq!(
        narrowed.rulebook().grants[0].state,
        GrantState::Suspended("phish".to_owned())
    );
    let again = compose(&file, &Registered::default(), &narrowed, NOW).snapshot;
    assert_eq!(again.rulebook().grants[0].state, GrantState::Active);
}
