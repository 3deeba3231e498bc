//! What served before there was a registry.

use super::*;

#[test]
fn what_served_before_there_was_a_registry_is_imported_and_serves() {
    let mut office = Office::open();
    let form = Form {
        exception: None,
        recipients: vec!["any".to_owned()],
        ..form()
    };
    let (kept, remarks) = office
        .desk
        .import("chemistry", &form, after(90), &admin(), NOW)
        .unwrap();
    assert_eq!(kept.case.state, State::Active);
    assert!(kept.case.unreviewed);
    assert!(
        remarks.iter().all(|remark| remark.weight == Weight::Doubt),
        "{remarks:?}"
    );
    let grants = office.desk.grants(NOW).unwrap();
    assert!(grants[0].is_live(after(90)) && !grants[0].is_live(after(91)));
    let history = office.desk.store().history(kept.id).unwrap();
    assert_eq!(
        history.iter().map(|step| step.event.as_str()).collect::<Vec<_>>(),
        ["create", "import"]
    );
    // A network that is otherwise than registered is what a review is for; it takes away nothing before.
    office.register("ip,type\n10.9.9.9,static\n");
    assert_eq!(office.check(kept.id, NOW), State::Active);
    assert_eq!(office.desk.store().get(kept.id).unwrap().unwrap().case.drift, None);
}

#[test]
fn a_login_that_was_imported_comes_from_anywhere_and_claims_no_address() {
    let mut office = Office::open();
    let login = Form {
        exception: None,
        address: String::new(),
        host: String::new(),
        authentication: "password".to_owned(),
        tls: "1.2".to_owned(),
        ..form()
    };
    let (kept, _) = office
        .desk
        .import("chemistry", &login, after(90), &admin(), NOW)
        .unwrap();
    let grants = office.desk.grants(NOW).unwrap();
    assert_eq!(grants[0].by, policy::By::Login("pc-1001".into()));
    assert_eq!(grants[0].networks, []);
    let (other, _) = office.desk.request("chemistry", &self::form(), &ann(), NOW).unwrap();
    let findings = office.desk.findings(&other, &Names::default(), NOW).unwrap();
    let exclusive = findings
        .iter()
        .find(|finding| finding.check == Check::Exclusive)
        .unwrap();
    assert_eq!(exclusive.colour, Colour::Green, "{}", exclusive.said);
    assert!(
        matches!(office.desk.read_form(&login, NOW), (None, _)),
        "nobody may ask for that"
    );
    assert!(kept.case.unreviewed);
    // A review is for what could have been asked for: the address is named first.
    let review = Event::Review { until: after(300) };
    let early = office.desk.act(kept.id, &review, &admin(), NOW);
    assert!(matches!(early, Err(DeskError::Form(_))));
    let whole = Form {
        address: "10.1.2.4".to_owned(),
        ..login
    };
    office.desk.amend(kept.id, &whole, &admin(), NOW).unwrap();
    office.act(kept.id, review, &admin(), NOW);
    assert_eq!(office.desk.grants(NOW).unwrap()[0].networks.len(), 1);
}

#[test]
fn what_cannot_be_imported_leaves_nothing_behind() {
    let mut office = Office::open();
    let late = office.desk.import("chemistry", &form(), after(400), &admin(), NOW);
    assert!(matches!(late, Err(DeskError::NoImport { .. })));
    let nowhere = Form {
        address: "everywhere".to_owned(),
        ..form()
    };
    assert!(matches!(
        office.desk.import("chemistry", &nowhere, after(90), &admin(), NOW),
        Err(DeskError::Form(_))
    ));
    assert_eq!(office.desk.store().list(None).unwrap(), []);
}
