//! What the network tells, and what becomes of a grant by it.

use super::*;

#[test]
fn approved_by_people_waits_for_the_network_and_goes_on_by_itself() {
    let mut office = Office::open();
    let id = office.approved();
    office.register("ip,mac,fqdn,type\n10.1.2.3,,copier.example.edu,dynamic\n");
    assert_eq!(office.check(id, NOW), State::WaitingNetwork);
    assert_eq!(office.check(id, NOW), State::WaitingNetwork);
    office.register("ip,mac,fqdn,type\n10.1.2.3,00:00:5e:00:53:01,copier.example.edu,static-dhcp\n");
    let dhcp = "host copier { hardware ethernet 00:00:5e:00:53:01; fixed-address 10.1.2.3; }";
    office.desk.rules.network.reservations = Source::Known(Reservations::read_isc(dhcp).unwrap());
    assert_eq!(office.check(id, NOW), State::Provisioned);
    let history = office.desk.store().history(id).unwrap();
    let last = history.last().unwrap();
    assert_eq!((last.event.as_str(), last.actor.as_str()), ("checked", "rule checks"));
    assert!(last.evidence.as_ref().unwrap().contains("\"C3\""));
}

#[test]
fn a_source_that_cannot_be_read_opens_nothing() {
    let mut office = Office::open();
    let id = office.approved();
    office.desk.rules.network.register = Source::Unknown("no such file".to_owned());
    assert_eq!(office.check(id, NOW), State::WaitingNetwork);
    // Nor does it close what serves.
    office.register(REGISTER);
    assert_eq!(office.check(id, NOW), State::Provisioned);
    office.desk.rules.network.register = Source::Unknown("no such file".to_owned());
    assert_eq!(office.check(id, NOW), State::Provisioned);
    assert_eq!(office.desk.store().get(id).unwrap().unwrap().case.drift, None);
    assert_eq!(office.desk.tick(after(2)).unwrap(), []);
}

#[test]
fn two_grants_never_have_one_address() {
    let mut office = Office::open();
    let (one, other) = (office.approved(), office.approved());
    assert_eq!(office.check(one, NOW), State::Provisioned);
    let (kept, findings) = office.desk.check(other, &Names::default(), NOW).unwrap();
    assert_eq!(kept.case.state, State::WaitingNetwork);
    assert!(said(&findings).contains("C7: the grant pc-1001 has 10.1.2.3/32 already"));
}

#[test]
fn an_address_that_is_given_to_anybody_stops_at_once_and_another_has_a_day() {
    let mut office = Office::open();
    let id = office.approved();
    office.check(id, NOW);
    office.register("ip,type\n10.1.2.4,static\n");
    assert_eq!(office.check(id, NOW), State::Provisioned, "warned");
    assert_eq!(office.desk.tick(after(0)).unwrap(), []);
    let mut mended = office.desk.store().get(id).unwrap().unwrap();
    assert_eq!(mended.case.drift, Some(NOW));
    office.register(REGISTER);
    office.check(id, NOW);
    mended = office.desk.store().get(id).unwrap().unwrap();
    assert_eq!(mended.case.drift, None);
    office.register("ip,type\n10.1.2.4,static\n");
    office.check(id, NOW);
    assert_eq!(office.desk.tick(after(1)).unwrap(), [(id, Deadline::DriftUnanswered)]);

    let mut office = Office::open();
    let id = office.approved();
    office.check(id, NOW);
    office.desk.rules.network.dynamic = vec!["10.1.2.0/28".parse().unwrap()];
    assert_eq!(office.check(id, NOW), State::Suspended(Suspension::Drift));
}
