//! One AUTH exchange, between the dialogue and whoever proves identities.

use mail::{EnhancedCode, EventId, Reply};
use policy::{AuthExchange, AuthRefusal, AuthStep, Principal};
use smtp::server::Answer;

use crate::reply::closing;

/// What a step of an exchange means to the session.
pub(crate) enum Progress {
    /// Send this and wait.
    Challenge(Answer),
    /// The client is who it says.
    Proved(Principal),
    /// It is not; for the log alone.
    Refused(AuthRefusal),
}

/// Takes the exchange one response further.
pub(crate) async fn step(exchange: &mut dyn AuthExchange, response: Option<Vec<u8>>) -> Progress {
    match exchange.step(response).await {
        AuthStep::Challenge(challenge) => Progress::Challenge(Answer::AuthChallenge(challenge)),
        AuthStep::Proved(principal) => Progress::Proved(principal),
        AuthStep::Refused(why) => Progress::Refused(why),
    }
}

/// The same words for every cause but those the client can do something about, so that nobody learns which logins exist.
pub(crate) fn refusal(why: AuthRefusal, help: Option<&str>, event: EventId) -> Reply {
    let (code, enhanced, sentence, reason) = match why {
        AuthRefusal::UnknownLogin | AuthRefusal::WrongSecret | AuthRefusal::WithoutGrant | AuthRefusal::Stopped => (
            535,
            EnhancedCode::new(5, 7, 8),
            "Login or password is wrong, or this login may not send",
            "auth-refused",
        ),
        AuthRefusal::Malformed => (
            501,
            EnhancedCode::new(5, 5, 2),
            "The response does not follow the mechanism",
            "auth-malformed",
        ),
        AuthRefusal::OtherMechanism => (
            454,
            EnhancedCode::new(4, 7, 0),
            "This login did not work so; come again, and other ways are offered",
            "auth-other-mechanism",
        ),
        AuthRefusal::LockedOut => (
            454,
            EnhancedCode::new(4, 7, 0),
            "Too many failed logins; wait before trying again",
            "auth-locked",
        ),
        AuthRefusal::Unavailable => (
            454,
            EnhancedCode::new(4, 7, 0),
            "Logins cannot be checked at the moment; try again",
            "auth-unavailable",
        ),
    };
    Reply::new(code, enhanced, closing(sentence, reason, help, event))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_login_and_a_wrong_secret_hear_the_same() {
        let event = EventId::new(1);
        assert_eq!(
            refusal(AuthRefusal::WithoutGrant, None, event),
            refusal(AuthRefusal::WrongSecret, None, event)
        );
        assert_eq!(
            refusal(AuthRefusal::Stopped, None, event),
            refusal(AuthRefusal::WrongSecret, None, event)
        );
        assert_eq!(
            refusal(AuthRefusal::UnknownLogin, None, event),
            refusal(AuthRefusal::WrongSecret, None, event)
        );
    }
}
