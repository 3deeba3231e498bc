//! What each reason code means to whoever is on the telephone, and what to tell them.

use policy::Reason;

/// A reason in words, and the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Advice {
    pub(super) because: &'static str,
    pub(super) next: &'static str,
}

const fn advice(because: &'static str, next: &'static str) -> Advice {
    Advice { because, next }
}

/// What is said of a code: one of judgement's, of the dialogue's, of the doors' or of the disk's.
pub(super) fn of(code: &str) -> Advice {
    match code.parse::<Reason>() {
        Ok(reason) => of_judgement(reason),
        Err(()) => of_dialogue(code),
    }
}

fn of_judgement(reason: Reason) -> Advice {
    match reason {
        Reason::NoGrant => advice(
            "this client has no relay grant",
            "Ask for a grant for this machine, or let it send with a login on the submission port",
        ),
        Reason::NotOurDomain => advice(
            "this listener takes mail for our own domains only",
            "Send outgoing mail on the submission port with a login, not to the front gate",
        ),
        Reason::LoginRequired => advice(
            "this listener wants a login first",
            "Set user name and password on the machine",
        ),
        Reason::LoginInClear => advice(
            "it tried to log in without encryption",
            "Turn on STARTTLS or TLS on the machine",
        ),
        Reason::LoginWithoutGrant => advice("no grant is bound to this login here", "Ask for a grant for this login"),
        Reason::GrantNotYet => advice(
            "its grant has not begun",
            "Wait for the grant's first day, or have it begin earlier",
        ),
        Reason::GrantExpired => advice("its grant has ended", "Have the owner renew the grant"),
        Reason::GrantSuspended => advice(
            "its grant is suspended",
            "Ask who suspended it; it stays so until what caused it is settled",
        ),
        Reason::GrantNotHere => advice(
            "its grant does not hold on this listener",
            "Let the machine use the port that its grant names",
        ),
        Reason::NetworkNotGranted => advice(
            "it sends from an address outside of its grant's networks",
            "Find out whether the machine has moved; if so, have its grant changed",
        ),
        Reason::OutsideZone => advice(
            "its address is outside of the network this listener serves",
            "Let it use the submission port with a login",
        ),
        Reason::SenderNotGranted => advice(
            "the envelope sender is not among the grant's",
            "Set the sender address on the machine to one of the grant's, or have the grant changed",
        ),
        Reason::FromNotGranted => advice(
            "the From header is not among the grant's",
            "Set the From address on the machine to one of the grant's, or have the grant changed",
        ),
        Reason::FromMissing => advice(
            "the message has no From header that can be read",
            "Let the program write exactly one From header with one address",
        ),
        Reason::RecipientOutsideScope => advice(
            "its grant reaches internal recipients only",
            "Send to an address of ours, or have the owner ask for a wider grant, which is reviewed",
        ),
        Reason::NoSuchRecipient => advice(
            "there is no such recipient",
            "Compare the recipient's address letter by letter",
        ),
        Reason::RecipientUnverifiable => advice(
            "nobody could say whether the recipient exists",
            "Nothing: the sending server tries again",
        ),
        Reason::AddressForm => advice(
            "the recipient's address has a form that only relay testers use",
            "Write the address plainly, as name@domain",
        ),
        Reason::TooLarge => advice(
            "the message is larger than allowed",
            "Send a smaller scan or a link instead",
        ),
        Reason::RateExceeded => advice(
            "more was sent than its grant allows for now",
            "Wait and send again; if so much is right, have the limits raised",
        ),
        Reason::RateHeld => advice(
            "more was sent than its grant allows for now",
            "Nothing: it leaves when the grant has room again; if so much is right, have the limits raised",
        ),
        Reason::MaskedSource => advice(
            "several machines seem to hide behind the address of one, or another one has its address",
            "Find out who sends from there; `portcullis queue release` lets it go",
        ),
        Reason::AuthorityUnknown => advice(
            "something that the decision rests on could not be known",
            "Nothing: the sending server tries again; tell who runs this gate if it lasts",
        ),
        Reason::SenderIsOurs => advice(
            "mail from our own domains does not come from outside",
            "Let the sender use the submission port with a login",
        ),
        Reason::MailLoop => advice(
            "the message goes in circles",
            "Look for two forwards that point at each other",
        ),
        Reason::ContentRefused => advice(
            "its content is not taken",
            "Look at the message with who runs this gate",
        ),
        Reason::ContentQuarantined => advice(
            "its content was set aside for review",
            "Wait for the review, or ask for it",
        ),
        Reason::HeldByOperator => advice("an operator holds it", "Ask who holds it"),
        Reason::GrantAllows | Reason::RouteTakes | Reason::ForwardTakes | Reason::RoleAddress | Reason::Notice => {
            advice("it is allowed", "Nothing")
        }
    }
}

fn of_dialogue(code: &str) -> Advice {
    match code {
        "bare-lf" | "bare-cr" => advice(
            "its lines do not end as mail's do",
            "A device's grant may tolerate that; a program has to be mended",
        ),
        "too-many-connections" => advice(
            "it opened too many connections",
            "Let it send over fewer connections, one after the other",
        ),
        "too-many-messages" | "too-many-recipients" => advice(
            "it sent too much in a short time",
            "Wait; the rest can be sent later, in several messages",
        ),
        "too-many-bad-recipients" => advice(
            "it asked for many recipients that do not exist",
            "Clean the list of recipients, and wait",
        ),
        "message-too-big" => advice(
            "the message is larger than this listener takes",
            "Send a smaller scan or a link instead",
        ),
        "bad-sender-address" | "bad-recipient-address" | "source-route" => advice(
            "an address is not written as it has to be",
            "Write the address plainly, as name@domain",
        ),
        "tls-required" | "auth-needs-tls" => {
            advice("encryption comes first here", "Turn on STARTTLS or TLS on the machine")
        }
        "auth-required" => advice("a login comes first here", "Set user name and password on the machine"),
        "auth-not-offered" | "unknown-mechanism" | "auth-cancelled" | "auth-line-too-long" => advice(
            "its way to log in is not offered here",
            "Use the submission port, encrypted, with the mechanism PLAIN or SCRAM",
        ),
        "too-many-auth-failures" => advice(
            "too many logins failed",
            "Set the password on the machine again, and wait",
        ),
        "disk-full" | "not-stored" => advice(
            "the gate could not store it",
            "Nothing: the sending server tries again; tell who runs this gate",
        ),
        "shutting-down" => advice("the gate was about to stop", "Nothing: the sending server tries again"),
        "early-talker" | "http-request" | "starttls-injection" => advice(
            "it did not speak as a mail program does",
            "Find out what runs on this machine; it may not be mail at all",
        ),
        code if code.starts_with("timeout") || code == "body-too-slow" => advice(
            "it was silent for too long, or too slow",
            "Look at the network between the machine and the gate; then send again",
        ),
        _ => advice(
            "its program did not follow the mail protocol",
            "The reply says what was wrong; mend or update the program on the machine",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_of_judgement_has_words_of_its_own_and_never_a_code() {
        for reason in Reason::ALL {
            let said = of(reason.code());
            assert_ne!(said, of("unknown-command"), "{reason}");
            assert!(!said.because.is_empty() && !said.next.is_empty(), "{reason}");
            assert!(
                !said.because.contains(reason.code()) || !reason.code().contains('-'),
                "{reason}"
            );
        }
    }
}
