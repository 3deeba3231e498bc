//! What the record tells of a login that was tried: how it went, and the name, but never a secret.

use ledger::{LoginOutcome, Words};
use policy::AuthRefusal;
use registry::Secret;

/// Characters of a name at most, where it is none of ours.
const TRIED_MAX: usize = 64;
/// What names are made of beside letters and digits.
const OF_NAMES: &str = ".-_+@/\\=";

pub(super) fn outcome(why: AuthRefusal) -> LoginOutcome {
    match why {
        AuthRefusal::UnknownLogin => LoginOutcome::UnknownLogin,
        AuthRefusal::WrongSecret => LoginOutcome::WrongSecret,
        AuthRefusal::WithoutGrant => LoginOutcome::WithoutGrant,
        AuthRefusal::Malformed => LoginOutcome::Malformed,
        AuthRefusal::OtherMechanism => LoginOutcome::OtherMechanism,
        AuthRefusal::Stopped => LoginOutcome::Stopped,
        AuthRefusal::LockedOut => LoginOutcome::LockedOut,
        AuthRefusal::Unavailable => LoginOutcome::Unavailable,
    }
}

/// The login, where it is one, and otherwise the name that was tried. People type passwords into the wrong field: what is
/// no login is only told where it looks like a name, and not like a secret that we gave out.
pub(super) fn known_and_tried(named: Option<&str>, outcome: LoginOutcome) -> (Option<Words>, Option<Words>) {
    match outcome {
        LoginOutcome::Proved | LoginOutcome::WrongSecret | LoginOutcome::WithoutGrant | LoginOutcome::Stopped => {
            (named.map(Words::new), None)
        }
        LoginOutcome::UnknownLogin
        | LoginOutcome::OtherMechanism
        | LoginOutcome::Malformed
        | LoginOutcome::LockedOut
        | LoginOutcome::Unavailable => (None, named.filter(|name| looks_like_a_name(name)).map(Words::new)),
    }
}

fn looks_like_a_name(text: &str) -> bool {
    let of_names = |c: char| c.is_alphanumeric() || OF_NAMES.contains(c);
    text.chars().count() <= TRIED_MAX && text.chars().all(of_names) && !Secret::could_be(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use world::SystemRng;

    #[test]
    fn a_name_that_is_no_login_is_told_apart_and_one_that_could_be_a_secret_is_not_told() {
        let tell = |name: &str, outcome| {
            let (login, tried) = known_and_tried(Some(name), outcome);
            (login.map(|one| one.to_string()), tried.map(|one| one.to_string()))
        };
        let name = |text: &str| Some(text.to_owned());
        assert_eq!(tell("erp", LoginOutcome::WrongSecret), (name("erp"), None));
        assert_eq!(tell("bob", LoginOutcome::WithoutGrant), (name("bob"), None));
        for unknown in [
            "bob",
            "bob@example.edu",
            "EXAMPLE\\bob",
            "zoë",
            "pc-1042",
            "administratoroffice1",
        ] {
            assert_eq!(tell(unknown, LoginOutcome::UnknownLogin), (None, name(unknown)));
            assert_eq!(tell(unknown, LoginOutcome::LockedOut), (None, name(unknown)));
        }
        let secret = Secret::fresh(&SystemRng);
        for withheld in [
            &*secret,
            "correct horse battery",
            "pa55word!",
            "a\r\nb",
            &"x".repeat(65),
        ] {
            assert_eq!(tell(withheld, LoginOutcome::UnknownLogin), (None, None), "{withheld}");
        }
        assert_eq!(known_and_tried(None, LoginOutcome::Malformed), (None, None));
    }
}
