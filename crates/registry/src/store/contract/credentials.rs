//! What holds of credentials.

use std::time::Duration;

use mail::Timestamp;

use super::super::{CaseId, CredentialChange, Store, StoreError};
use super::{NOW, ann, create};
use crate::case::Case;
use crate::credential::{Claimed, Credential, CredentialKind, NewCredential, Proof, ScramVerifier, Subject};
use crate::life::State;

fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

fn secret(label: &str, scram: Option<ScramVerifier>) -> NewCredential {
    NewCredential {
        kind: CredentialKind::DeviceSecret,
        label: label.into(),
        proof: Proof::Secret {
            argon2: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".into(),
            scram,
        },
    }
}

fn change(
    store: &mut impl Store,
    id: CaseId,
    new: Option<&NewCredential>,
    ended: &[(u32, Timestamp)],
) -> Result<Option<Credential>, StoreError> {
    let change = CredentialChange {
        event: "credential",
        new,
        ended,
        link: None,
    };
    store.change_credentials(id, change, &ann(), NOW)
}

pub(super) fn keeps<S: Store>(fresh: &impl Fn() -> S) {
    several_are_kept_as_they_are(fresh());
    one_takes_the_place_of_another_in_one_step(fresh());
    those_of_live_grants_are_listed_at_once(fresh());
    their_use_is_remembered(fresh());
}

fn several_are_kept_as_they_are(mut store: impl Store) {
    let id = create(&mut store, "chemistry").id;
    let scram = ScramVerifier {
        salt: [1; 16].into(),
        iterations: 15_000,
        stored_key: [2; 32],
        server_key: [3; 32],
    };
    let certificate = NewCredential {
        kind: CredentialKind::Certificate,
        label: "ERP, 'new'".into(),
        proof: Proof::Key([9; 32]),
    };
    let token = NewCredential {
        kind: CredentialKind::Token,
        label: "device".into(),
        proof: Proof::Token(Claimed {
            issuer: "campus".into(),
            claims: [("sub", "job:\"reports\""), ("branch", "main")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        }),
    };
    let subject = NewCredential {
        kind: CredentialKind::Certificate,
        label: "device".into(),
        proof: Proof::Subject(Subject {
            authority: "campus".into(),
            name: "cn:the \"ups\"".into(),
        }),
    };
    let account = NewCredential {
        kind: CredentialKind::Account,
        label: "device".into(),
        proof: Proof::Account("Ann \u{e9}".into()),
    };
    let all = [
        secret("copier", None),
        secret("plotter", Some(scram)),
        certificate,
        token,
        subject,
        account,
    ];
    let before = store.revision().unwrap();
    let kept: Vec<Credential> = all
        .iter()
        .map(|new| change(&mut store, id, Some(new), &[]).unwrap().unwrap())
        .collect();
    assert_eq!(store.revision().unwrap(), before + 6);
    assert_eq!(store.credentials(id).unwrap(), kept);
    for ((credential, new), number) in kept.iter().zip(&all).zip(1..) {
        assert_eq!((credential.number, &credential.proof), (number, &new.proof));
        assert_eq!((credential.made, credential.ends, credential.used), (NOW, None, None));
    }
    // Whose certificate or account it was is told later too.
    let history = store.history(id).unwrap();
    let told = |step: usize| history[step].evidence.as_deref().unwrap();
    assert!(
        told(5).contains("cn:the \\\"ups\\\"") && told(6).contains("Ann"),
        "{history:?}"
    );
    let missing = change(&mut store, CaseId(7), Some(&all[0]), &[]);
    assert!(matches!(missing, Err(StoreError::Missing(CaseId(7)))));
}

fn one_takes_the_place_of_another_in_one_step(mut store: impl Store) {
    let id = create(&mut store, "chemistry").id;
    change(&mut store, id, Some(&secret("copier", None)), &[]).unwrap();
    change(&mut store, id, Some(&secret("copier", None)), &[(1, after(60))]).unwrap();
    // An end comes nearer and never farther.
    change(&mut store, id, None, &[(1, after(90)), (2, after(30))]).unwrap();
    let ends = |store: &mut _| -> Vec<_> {
        let all = Store::credentials(store, id).unwrap();
        all.iter().map(|one| one.ends).collect()
    };
    assert_eq!(ends(&mut store), [Some(after(60)), Some(after(30))]);
    change(&mut store, id, None, &[(1, after(1))]).unwrap();
    assert_eq!(ends(&mut store), [Some(after(1)), Some(after(30))]);
    let history = store.history(id).unwrap();
    assert_eq!(history.len(), 5);
    let second = &history[2];
    assert_eq!((second.event.as_str(), second.to), ("credential", State::Draft));
    let evidence = second.evidence.as_deref().unwrap();
    assert!(
        evidence.contains("\"credential\":2") && !evidence.contains("argon2"),
        "{evidence}"
    );
}

fn those_of_live_grants_are_listed_at_once(mut store: impl Store) {
    let draft = create(&mut store, "chemistry");
    let serving = |state| Case {
        state,
        ..draft.case.clone()
    };
    let active = store.create("", &draft.form, &serving(State::Active), &ann()).unwrap();
    let ended = store.create("", &draft.form, &serving(State::Expired), &ann()).unwrap();
    for id in [draft.id, active.id, ended.id] {
        change(&mut store, id, Some(&secret("old", None)), &[]).unwrap();
        change(&mut store, id, Some(&secret("new", None)), &[(1, after(60))]).unwrap();
    }
    let live = |store: &mut _, now| -> Vec<(CaseId, u32)> {
        let all = Store::live_credentials(store, now).unwrap();
        all.iter().map(|(id, one)| (*id, one.number)).collect()
    };
    assert_eq!(live(&mut store, after(60)), [(active.id, 1), (active.id, 2)]);
    assert_eq!(live(&mut store, after(61)), [(active.id, 2)]);
}

fn their_use_is_remembered(mut store: impl Store) {
    let id = create(&mut store, "chemistry").id;
    change(&mut store, id, Some(&secret("copier", None)), &[]).unwrap();
    let before = store.revision().unwrap();
    store
        .credentials_used(&[(id, 1, after(5)), (CaseId(7), 1, after(5))])
        .unwrap();
    store.credentials_used(&[(id, 1, NOW)]).unwrap();
    assert_eq!(store.credentials(id).unwrap()[0].used, Some(after(5)));
    assert_eq!(store.revision().unwrap(), before);
}
