//! Whom the directory knows, and who answers for a grant.

use super::*;

#[test]
fn who_has_left_the_directory_answers_for_nothing_and_is_found_again_with_others() {
    let mut office = Office::open();
    let id = office.approved();
    office.check(id, NOW);
    let people = |text: &str| Source::Known(Directory::read(&format!("email,role\n{text}")).unwrap());
    let orphan = |office: &mut Office| {
        office.desk.sweep(NOW).unwrap();
        office.kept(id).case.orphan.is_some()
    };
    assert!(!orphan(&mut office), "nobody knows who is there");
    office.desk.rules.network.people = people("tom@example.edu,staff\n");
    assert!(orphan(&mut office), "Olga has left");
    office.desk.rules.network.people = Source::Unknown("half a file".to_owned());
    assert!(orphan(&mut office), "and nobody says otherwise");
    office.desk.rules.network.people = people("tom@example.edu,staff\nolga@example.edu,\n");
    assert!(!orphan(&mut office));
    office.desk.store().bounced("tom@example.edu", NOW).unwrap();
    assert!(orphan(&mut office), "mail to him comes back");
    office.desk.tick(after(31)).unwrap();
    assert_eq!(office.kept(id).case.state, State::Suspended(Suspension::Orphan));
}

#[test]
fn a_risk_is_taken_by_a_head_whom_the_directory_knows_as_one() {
    let mut office = Office::open();
    let everybody = "ann@example.edu,student\ntom@example.edu,\nolga@example.edu,\n";
    let mut submitted = |role: &str| {
        let text = format!("email,role\n{everybody}dean@example.edu,{role}\n");
        office.desk.rules.network.people = Source::Known(Directory::read(&text).unwrap());
        let (kept, _) = office.desk.request("chemistry", &form(), &ann(), NOW).unwrap();
        office.desk.submit(kept.id, &ann(), NOW).map_err(|why| why.to_string())
    };
    let refused = submitted("professor; headhunter").unwrap_err();
    assert!(refused.contains("exception.head.email"), "{refused}");
    assert!(submitted("Head of Department").is_ok());
}

#[test]
fn the_people_of_a_grant_hear_of_the_same_trouble_once_a_month_and_of_another_at_once() {
    let mut office = Office::open();
    let id = office.approved();
    assert_eq!(office.check(id, NOW), State::Provisioned);
    let mut told = |id, days, trouble| office.desk.trouble(id, trouble, "553 5.7.1", after(days)).unwrap();
    assert!(told(id, 0, Trouble::Sender));
    assert!(!told(id, 0, Trouble::Sender));
    assert!(told(id, 1, Trouble::Volume));
    assert!(!told(id, 29, Trouble::Sender));
    assert!(told(id, 30, Trouble::Sender));
    assert!(!told(CaseId(7), 0, Trouble::Sender));
    let letters = office.desk.store().waiting(after(31)).unwrap();
    let refused = letters.iter().filter(|letter| letter.notice == "M16");
    let to: Vec<_> = refused.map(|letter| &*letter.audience).collect();
    assert_eq!(to, ["technical", "owner", "technical", "owner"]);
}
