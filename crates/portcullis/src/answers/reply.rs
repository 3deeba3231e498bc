//! What was filled in: the fields of a form, and the answer they are.

use registry::{Event, Purpose, Signature, TextVersion};

/// Characters of a reason; people write a few lines.
const REASON_MAX: usize = 2000;
/// Characters of a name.
const NAME_MAX: usize = 200;

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// A step of the case.
    Step(Event),
    /// It shall go on, for as long as it may.
    Renew,
    /// They agree to what was proposed when the link was sent.
    Agree,
    /// They do not, and why.
    Dissent(Box<str>),
    /// The secret shall be made and shown.
    FetchSecret,
    /// The address is theirs.
    VerifyMail,
}

/// The fields of a form, as a browser sends them (`application/x-www-form-urlencoded`).
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(super) fn read(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    pub(super) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value.trim())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }

    /// Text that somebody wrote, without what would only disturb a letter.
    pub(super) fn text(&self, name: &str, most: usize) -> Box<str> {
        let kept = self
            .get(name)
            .chars()
            .filter(|char| !char.is_control() || *char == '\n');
        kept.take(most).collect::<String>().into()
    }

    fn hash(&self, name: &str) -> Option<[u8; 32]> {
        let text = self.get(name);
        let mut hash = [0; 32];
        if text.len() != 2 * hash.len() || !text.is_ascii() {
            return None;
        }
        for (octet, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
            *octet = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(hash)
    }
}

/// Reads an answer to a link of this purpose; what is missing, in words, where it is none.
pub(super) fn read(purpose: Purpose, fields: &Fields) -> Result<Reply, String> {
    match (purpose, fields.get("do")) {
        (Purpose::Acknowledge, "acknowledge") => acknowledge(fields),
        (Purpose::Acknowledge, "decline") => Ok(Reply::Step(Event::Decline {
            reason: reason(fields, "Please say in a few words why you decline.")?,
        })),
        (Purpose::KeepOrRemove, "keep") => Ok(Reply::Step(Event::Keep {
            reason: reason(fields, "Please say in a few words what it is needed for.")?,
        })),
        (Purpose::KeepOrRemove, "remove") => Ok(Reply::Step(Event::Remove {
            reason: fields
                .text("reason", REASON_MAX)
                .into_string()
                .non_empty_or("no longer needed"),
        })),
        (Purpose::Renew, "renew") => Ok(Reply::Renew),
        (Purpose::Contacts, "agree") => Ok(Reply::Agree),
        (Purpose::Contacts, "dissent") => Ok(Reply::Dissent(reason(fields, "Please say in a few words why not.")?)),
        (Purpose::Secret, "show") => Ok(Reply::FetchSecret),
        (Purpose::VerifyMail, "verify") => Ok(Reply::VerifyMail),
        _ => Err("Please use one of the buttons.".to_owned()),
    }
}

fn acknowledge(fields: &Fields) -> Result<Reply, String> {
    let name = fields.text("name", NAME_MAX);
    if name.is_empty() {
        return Err("Please type your full name: it stands for your signature.".to_owned());
    }
    let shown = fields.hash("words").zip(fields.hash("request"));
    let (words, request) = shown.ok_or_else(|| "Please open the link from the letter again.".to_owned())?;
    let signature = Signature {
        ticked: ["accept1", "accept2", "accept3"].map(|name| fields.has(name)),
        name,
        words: TextVersion(words),
        request,
    };
    let missing = signature.missing();
    if !missing.is_empty() {
        let which: Vec<String> = missing.iter().map(usize::to_string).collect();
        return Err(format!(
            "Please accept each statement by itself; missing: {}. If you do not, decline below.",
            which.join(", ")
        ));
    }
    Ok(Reply::Step(Event::Acknowledge(signature)))
}

fn reason(fields: &Fields, missing: &str) -> Result<Box<str>, String> {
    let reason = fields.text("reason", REASON_MAX);
    if reason.is_empty() {
        Err(missing.to_owned())
    } else {
        Ok(reason)
    }
}

trait Otherwise {
    fn non_empty_or(self, otherwise: &str) -> Box<str>;
}

impl Otherwise for String {
    fn non_empty_or(self, otherwise: &str) -> Box<str> {
        if self.is_empty() { otherwise.into() } else { self.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(body: &str) -> Fields {
        Fields::read(body.as_bytes())
    }

    fn signed(more: &str) -> String {
        let (words, request) = (TextVersion::current(), "07".repeat(32));
        format!("do=acknowledge&words={words}&request={request}&name=Prof.+D%C3%A9an{more}")
    }

    #[test]
    fn an_acknowledgement_needs_each_tick_a_name_and_what_was_shown() {
        let whole = signed("&accept1=yes&accept2=yes&accept3=yes");
        let Ok(Reply::Step(Event::Acknowledge(signature))) = read(Purpose::Acknowledge, &fields(&whole)) else {
            panic!("not taken");
        };
        assert_eq!(&*signature.name, "Prof. Déan");
        assert_eq!((signature.words, signature.request), (TextVersion::current(), [7; 32]));
        let second = read(Purpose::Acknowledge, &fields(&signed("&accept1=yes&accept3=yes")));
        assert!(second.unwrap_err().contains("missing: 2"));
        let nobody = whole.replace("Prof.+D%C3%A9an", "+");
        assert!(
            read(Purpose::Acknowledge, &fields(&nobody))
                .unwrap_err()
                .contains("name")
        );
        let unshown = whole.replace("words=", "worms=");
        assert!(
            read(Purpose::Acknowledge, &fields(&unshown))
                .unwrap_err()
                .contains("again")
        );
    }

    #[test]
    fn a_link_takes_only_the_answers_it_asks_for() {
        for (purpose, answer) in [
            (Purpose::Renew, "do=acknowledge"),
            (Purpose::Acknowledge, "do=renew"),
            (Purpose::KeepOrRemove, "do=show"),
            (Purpose::Secret, "do=verify"),
            (Purpose::VerifyMail, "do=keep&reason=x"),
            (Purpose::Secret, ""),
            (Purpose::Contacts, "do=keep&reason=x"),
            (Purpose::Renew, "do=agree"),
            (Purpose::Contacts, "do=dissent"),
        ] {
            assert!(read(purpose, &fields(answer)).is_err(), "{purpose:?} {answer}");
        }
        assert_eq!(read(Purpose::Renew, &fields("do=renew")), Ok(Reply::Renew));
        assert_eq!(read(Purpose::Contacts, &fields("do=agree")), Ok(Reply::Agree));
        assert_eq!(read(Purpose::Secret, &fields("do=show")), Ok(Reply::FetchSecret));
        assert_eq!(read(Purpose::VerifyMail, &fields("do=verify")), Ok(Reply::VerifyMail));
    }

    #[test]
    fn who_keeps_or_declines_says_why_and_who_removes_need_not() {
        assert!(read(Purpose::KeepOrRemove, &fields("do=keep&reason=+")).is_err());
        assert!(read(Purpose::Acknowledge, &fields("do=decline")).is_err());
        let removed = read(Purpose::KeepOrRemove, &fields("do=remove"));
        assert!(matches!(removed, Ok(Reply::Step(Event::Remove { reason })) if &*reason == "no longer needed"));
        let kept = read(Purpose::KeepOrRemove, &fields("do=keep&reason=a%00b%0Ac"));
        assert!(matches!(kept, Ok(Reply::Step(Event::Keep { reason })) if &*reason == "ab\nc"));
    }

    #[test]
    fn octets_nobody_would_send_are_no_answer() {
        for strange in ["%", "do=%ff%fe", "&&&=&=", "do=acknowledge&name=x&words=ää&request=%"] {
            assert!(read(Purpose::Acknowledge, &fields(strange)).is_err(), "{strange}");
        }
        let long = format!("do=keep&reason={}", "x".repeat(100_000));
        let kept = read(Purpose::KeepOrRemove, &fields(&long));
        assert!(matches!(kept, Ok(Reply::Step(Event::Keep { reason })) if reason.len() == REASON_MAX));
    }
}
