use super::*;
use crate::actor::Person;
use crate::case::{Case, Track};
use crate::form::{Contact, Form};
use crate::letters::Letters;
use crate::store::{CaseId, Taken};

const NOW: Timestamp = Timestamp::from_secs(1_795_305_600);
const ANN: &str = "ann@example.edu";
const TECH: &str = "tech@example.edu";
const TINA: &str = "tina@example.edu";

fn minutes(minutes: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(60 * minutes))
}

fn contact(email: &str) -> Contact {
    Contact {
        name: String::new(),
        email: email.to_owned(),
    }
}

fn kept(id: u32) -> Kept {
    let form = Form {
        requestor: contact(ANN),
        technical: contact(TECH),
        department: "Chemistry".to_owned(),
        device: "copier".to_owned(),
        address: "10.1.2.3".to_owned(),
        senders: vec!["scan@example.edu".to_owned()],
        authentication: "password".to_owned(),
        ..Form::default()
    };
    let mut case = Case::draft(Track::Authenticated, Person::new(ANN), form.hash(), NOW);
    case.provisioned = Some(NOW);
    case.until = Some(NOW.plus(Duration::from_secs(86_400 * 100)));
    Kept {
        id: CaseId(id),
        version: 1,
        scope: "chemistry".into(),
        form,
        case,
    }
}

/// Tina is to operate it.
fn handing_over(mut kept: Kept) -> Kept {
    let mut others = kept.form.clone();
    others.technical.email = TINA.to_owned();
    let mut proposed = Handover::between(&kept.form, &others).unwrap();
    proposed.ends(NOW.plus(Duration::from_secs(86_400 * 14)));
    kept.case.handover = Some(proposed);
    kept
}

/// Letters as the store keeps them: one for each of its usual readers.
fn waiting(first: u64, kept: &Kept, notice: Notice, at: Timestamp) -> Vec<(Letter, Kept)> {
    // Where a step names who it is for, one of them.
    let usual = match notice.audience() {
        [] => &[Audience::Technical],
        usual => usual,
    };
    let readers = usual.iter().zip(first..);
    readers
        .map(|(audience, number)| {
            let letter = Letter {
                number,
                case: kept.id,
                notice: notice.code().to_owned(),
                audience: audience.code().to_owned(),
                urgent: notice.is_urgent(),
                at,
                step: None,
                message: None,
                list: None,
            };
            (letter, kept.clone())
        })
        .collect()
}

fn addresses() -> Addresses {
    Addresses {
        security: vec!["iso@example.edu".to_owned()],
        network: vec!["net@example.edu".to_owned()],
        admins: vec!["relay@example.edu".to_owned()],
        heads: Heads::default(),
    }
}

fn at(waiting: &[(Letter, Kept)], last: &[(&str, Timestamp)], now: Timestamp) -> Vec<Posting> {
    let last = last.iter().map(|(to, at)| ((*to).to_owned(), *at)).collect();
    postings(waiting, &addresses(), &last, &BTreeSet::new(), now)
}

fn readers(postings: &[Posting]) -> Vec<&str> {
    let to = postings
        .iter()
        .flat_map(|posting| posting.to.iter().map(String::as_str));
    to.collect()
}

#[test]
fn what_is_not_urgent_waits_for_its_like_and_comes_as_one_letter_a_day() {
    let mut all = waiting(1, &kept(1001), Notice::Received, NOW);
    all.extend(waiting(3, &kept(1002), Notice::Approved, minutes(5)));
    assert_eq!(at(&all, &[], minutes(9)), []);
    let ripe = at(&all, &[], minutes(10));
    assert_eq!(readers(&ripe), [ANN, TECH]);
    assert!(ripe.iter().all(|posting| posting.matters.len() == 2 && !posting.urgent));
    // Who had one waits a day, the others do not.
    let day = 24 * 60;
    let last = [(ANN, minutes(0))];
    assert_eq!(readers(&at(&all, &last, minutes(day - 1))), [TECH]);
    assert_eq!(readers(&at(&all, &last, minutes(day))), [ANN, TECH]);
}

#[test]
fn alarms_wait_for_nothing_and_reach_everybody_concerned() {
    let mut kept = kept(1001);
    kept.case.head = Some(Person::new("dean@example.edu"));
    let all = waiting(1, &kept, Notice::SuspendedAbuse, NOW);
    let sent = at(&all, &[(ANN, NOW), (TECH, NOW)], NOW);
    assert!(sent.iter().all(|posting| posting.urgent));
    assert_eq!(readers(&sent), [TECH, ANN, "dean@example.edu", "iso@example.edu"]);
}

#[test]
fn who_is_reached_in_two_ways_reads_a_thing_once_and_both_letters_count_as_sent() {
    let mut kept = kept(1001);
    kept.form.technical = contact("ANN@example.edu ");
    for notice in [Notice::Works, Notice::SuspendedAbuse] {
        let sent = at(&waiting(1, &kept, notice, NOW), &[], minutes(10));
        let ann: Vec<_> = sent.iter().filter(|posting| posting.to == [ANN]).collect();
        assert_eq!(ann.len(), 1, "{notice:?}");
        assert_eq!(ann[0].matters.len(), 1);
        assert_eq!(ann[0].matters[0].numbers, [1, 2]);
    }
}

#[test]
fn what_reaches_nobody_comes_to_those_who_run_the_relay() {
    let bad = BTreeSet::from([TECH.to_owned()]);
    let letters = waiting(1, &kept(1001), Notice::Recipe, NOW);
    let sent = postings(&letters, &addresses(), &BTreeMap::new(), &bad, NOW);
    assert_eq!(readers(&sent), ["relay@example.edu"]);
    let orphaned = at(&waiting(1, &kept(1001), Notice::Orphaned, NOW), &[], minutes(10));
    assert_eq!(readers(&orphaned), ["relay@example.edu"]);
}

#[test]
fn who_goes_and_who_comes_is_asked_each_for_themselves_and_nobody_when_nothing_is_proposed_any_more() {
    let ask = |kept: Kept| {
        let audiences = [Audience::Technical, Audience::NextTechnical, Audience::NextOwner];
        let one = |(audience, number): (Audience, u64)| {
            let letter = Letter {
                audience: audience.code().to_owned(),
                ..waiting(number, &kept, Notice::ContactsAsked, NOW).remove(0).0
            };
            (letter, kept.clone())
        };
        let all: Vec<_> = audiences.into_iter().zip(1..).map(one).collect();
        let addresses = Addresses::default();
        postings(&all, &addresses, &BTreeMap::new(), &BTreeSet::new(), NOW)
    };
    assert_eq!(readers(&ask(handing_over(kept(1001)))), [TECH, TINA]);
    assert_eq!(ask(kept(1001)), []);
    let (asked, kept) = waiting(1, &kept(1001), Notice::ContactsAsked, NOW).remove(0);
    assert!(is_for_nobody(&asked, &kept));
    assert!(!is_for_nobody(&asked, &handing_over(kept)));
}

#[test]
fn each_letter_speaks_of_its_case_and_of_what_comes_next() {
    let relay = Relay {
        organisation: "Example University".to_owned(),
        help: "help@example.edu".to_owned(),
        pages: "https://gate.example.edu/case/".to_owned(),
        doors: Doors {
            host: "gate.example.edu".to_owned(),
            implicit: Some(465),
            submission: Some(587),
            relay: Some(25),
        },
        ..Relay::default()
    };
    let step = Taken {
        sequence: 1,
        number: 1,
        at: NOW,
        actor: "rule checks".to_owned(),
        event: "checked".to_owned(),
        from: None,
        to: crate::life::State::WaitingNetwork,
        said: None,
        evidence: Some(
            serde_json::json!({ "findings": [
                { "check": "C2", "colour": "green", "said": "it is registered" },
                { "check": "C3", "colour": "red", "said": "the address is dynamic" },
            ] })
            .to_string(),
        ),
    };
    let letters = Letters::ours().unwrap();
    let kept = handing_over(kept(1042));
    let mut all = Vec::new();
    for notice in Notice::ALL {
        let (letter, kept) = waiting(1, &kept, notice, NOW).remove(0);
        let about = about(
            &relay,
            &kept,
            &letter,
            notice,
            Some(&step),
            Some("https://gate.example.edu/a/b"),
        );
        let written = letters.write(notice, &about).unwrap();
        let whole = format!("{}\n{}", written.subject, written.text);
        assert!(whole.contains("the copier 10.1.2.3 (Chemistry)"), "{written:?}");
        // Where a day is named, one stands there.
        for cut in ["by .", "until .", "since .", "on .", "after  days", "for  days"] {
            assert!(!whole.contains(cut), "{notice:?}: {whole}");
        }
        all.push((notice, written));
    }
    let text = |notice| &all.iter().find(|(known, _)| *known == notice).unwrap().1.text;
    assert!(text(Notice::NetworkAsked).contains("C3: the address is dynamic"));
    assert!(!text(Notice::NetworkAsked).contains("it is registered"));
    for part in [
        "gate.example.edu",
        "465 (encryption: SSL/TLS)",
        "587 (encryption: STARTTLS)",
        "pc-1042",
        "scan@example.edu",
    ] {
        assert!(text(Notice::Recipe).contains(part), "{part}: {}", text(Notice::Recipe));
    }
    let both: Vec<_> = all.into_iter().take(2).map(|(_, written)| written).collect();
    let one = letters.digest(&both, "Example University").unwrap();
    assert_eq!(one.subject, "Example University: 2 matters about the mail relay");
    assert!(
        both.iter()
            .all(|letter| one.text.contains(&letter.subject) && one.text.contains(&letter.text))
    );
}

#[test]
fn what_comes_by_its_address_is_told_no_login() {
    let mut kept = kept(1001);
    kept.form.authentication = "none".to_owned();
    let doors = Doors {
        host: "gate.example.edu".to_owned(),
        relay: Some(25),
        submission: Some(587),
        ..Doors::default()
    };
    let text = recipe::recipe(&kept, &doors);
    assert!(text.contains("its address, 10.1.2.3") && text.contains("25"), "{text}");
    assert!(!text.contains("587") && !text.contains("secret"), "{text}");
}

#[test]
fn what_was_claimed_and_never_heard_of_again_goes_out_as_the_message_that_it_was() {
    let mut all = waiting(1, &kept(1001), Notice::Received, NOW);
    all.extend(waiting(3, &kept(1002), Notice::Approved, NOW));
    for (letter, _) in all.iter_mut().filter(|(letter, _)| letter.audience == "requestor") {
        letter.message = Some("letter-1@gate.example.edu".into());
    }
    // Its reader was written to a moment ago: by that very message.
    let sent = at(&all, &[(ANN, NOW)], NOW);
    assert_eq!(readers(&sent), [ANN]);
    assert_eq!(sent[0].again.as_deref(), Some("letter-1@gate.example.edu"));
    assert_eq!((sent[0].numbers(), sent[0].daily()), (vec![1, 3], &[][..]));
}

#[test]
fn a_letter_of_an_end_tells_that_end_and_promises_no_renewal_where_there_is_none() {
    let relay = Relay::default();
    let letters = Letters::ours().unwrap();
    let mut kept = kept(1001);
    let (letter, _) = waiting(1, &kept, Notice::Ended, NOW).remove(0);
    // Its owner renewed it before the letter was written.
    kept.case.until = Some(NOW.plus(Duration::from_secs(86_400 * 365)));
    let text = |to| {
        let step = Taken {
            sequence: 1,
            number: 1,
            at: NOW,
            actor: "rule ended".to_owned(),
            event: "ended".to_owned(),
            from: None,
            to,
            said: None,
            evidence: None,
        };
        let about = about(&relay, &kept, &letter, Notice::Ended, Some(&step), None);
        letters.write(Notice::Ended, &about).unwrap().text
    };
    let expired = text(crate::life::State::Expired);
    assert!(expired.contains("was over on 2026-11-22"), "{expired}");
    assert!(expired.contains("renewed until 2026-12-22"), "{expired}");
    let revoked = text(crate::life::State::Revoked(crate::life::Revocation::Ended));
    assert!(
        revoked.contains("cannot be renewed") && !revoked.contains("renewed until"),
        "{revoked}"
    );
}

#[test]
fn two_steps_of_one_moment_are_two_matters_and_two_readers_of_one_step_are_one() {
    let mut kept = kept(1042);
    kept.form.owner = contact(TECH);
    let step = |sequence: u64| {
        let mut letters = waiting(10 * sequence, &kept, Notice::Refused, NOW);
        for (letter, _) in &mut letters {
            letter.step = Some(sequence);
        }
        letters
    };
    let posted = at(&[step(7), step(9)].concat(), &[], minutes(11));
    let [posting] = &*posted else {
        panic!("{posted:?}");
    };
    let steps: Vec<_> = posting.matters.iter().map(|matter| matter.letter.step).collect();
    assert_eq!(steps, [Some(7), Some(9)]);
    assert!(
        posting.matters.iter().all(|matter| matter.numbers.len() == 2),
        "{posted:?}"
    );
}
