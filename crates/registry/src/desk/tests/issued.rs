//! Secrets, and how they reach who needs them.

use super::*;

fn secret() -> NewCredential {
    NewCredential {
        kind: CredentialKind::DeviceSecret,
        label: "device".into(),
        proof: Proof::Secret {
            argon2: "$argon2id$".into(),
            scram: None,
        },
    }
}

#[test]
fn a_secret_is_issued_for_what_serves_and_rotated_with_an_overlap() {
    let mut office = Office::open();
    let id = office.approved();
    let early = office.desk.issue(id, &secret(), &admin(), NOW);
    assert!(matches!(
        early,
        Err(DeskError::NoStep {
            why: NoStep::NotHere { .. },
            ..
        })
    ));
    office.check(id, NOW);
    let stranger = office.desk.issue(id, &secret(), &dean(), NOW);
    assert!(matches!(
        stranger,
        Err(DeskError::NoStep {
            why: NoStep::NotYours { .. },
            ..
        })
    ));
    office.desk.issue(id, &secret(), &admin(), NOW).unwrap();
    office.desk.rotate(id, &secret(), OVERLAP, &admin(), after(1)).unwrap();
    let holding = |office: &mut Office, day| -> Vec<u32> {
        let all = office.desk.store().live_credentials(after(day)).unwrap();
        all.iter().map(|(_, credential)| credential.number).collect()
    };
    assert_eq!(holding(&mut office, 15), [1, 2]);
    assert_eq!(holding(&mut office, 16), [2]);
    office.desk.end_credential(id, 2, after(2), &admin(), after(2)).unwrap();
    assert_eq!(holding(&mut office, 3), [1]);
    let history = office.desk.store().history(id).unwrap();
    let told: Vec<&str> = history.iter().map(|taken| taken.event.as_str()).collect();
    assert_eq!(
        told[6..],
        ["credential-issued", "credential-rotated", "credential-ended"]
    );
}

#[test]
fn the_technical_contact_fetches_the_secret_by_a_link_that_works_once() {
    let mut office = Office::open();
    let id = office.approved();
    let rng = world::SystemRng;
    let (token, link) = office
        .desk
        .link(id, Purpose::Secret, "tom@example.edu", NOW, &rng)
        .unwrap();
    assert_eq!(link.ends, after(3));
    // Before there is a grant nothing is made, and the link goes on working.
    assert!(office.desk.fetch_secret(&token, &secret(), NOW).is_err());
    office.check(id, NOW);
    let (of, credential) = office.desk.fetch_secret(&token, &secret(), after(2)).unwrap();
    assert_eq!((of, credential.number), (id, 1));
    let again = office
        .desk
        .fetch_secret(&token, &secret(), after(2))
        .unwrap_err()
        .to_string();
    assert!(again.starts_with("this link was used on "), "{again}");
    let last = office.desk.store().history(id).unwrap().pop().unwrap();
    assert_eq!(last.actor, "tom@example.edu (technical contact)");
}
