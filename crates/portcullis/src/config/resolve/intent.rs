//! What is meant, apart from what is declared: assertions and bounds, the measure of every proof.

use std::ops::RangeInclusive;

use mail::{DomainPattern, Mailbox};
use policy::{
    AsWhom, Assertion, Bounds, By, Class, Door, Must, Name, Role, Rulebook, SenderPattern, ToWhom, WIDEST_V4,
    WIDEST_V6, Who,
};

use super::desk::{Desk, values};
use crate::config::Problem;
use crate::config::file::{self, At, ByClass, File, Maybe, RawIdentity, RawRole, Spelled, Words, nearest};

/// Days that a bound may allow: ten years are for ever.
const DAYS: RangeInclusive<u32> = 1..=3_660;
/// Prefixes that a bound may allow. Wider than this is a zone and no exception.
const PREFIXES_V4: RangeInclusive<u32> = 16..=32;
const PREFIXES_V6: RangeInclusive<u32> = 48..=128;

/// How wide exceptions may be and how long anything may last.
pub(super) fn bounds(file: &File, desk: &mut Desk<'_>) -> Bounds {
    let Some(written) = file.organisation.as_ref().and_then(|one| one.bounds.as_ref()) else {
        return Bounds::default();
    };
    let v4 = of_classes(&written.prefix_v4, &PREFIXES_V4, "a prefix", desk);
    let v6 = of_classes(&written.prefix_v6, &PREFIXES_V6, "a prefix", desk);
    let prefix = |list: &[(Class, u32)], class: Class, default: u8| {
        let own = list.iter().find(|(of, _)| *of == class);
        own.map_or(default, |(_, bits)| u8::try_from(*bits).unwrap_or(default))
    };
    let mut widest: Vec<(Class, u8, u8)> = Vec::new();
    for (class, _) in v4.iter().chain(&v6) {
        if widest.iter().all(|(of, _, _)| of != class) {
            widest.push((*class, prefix(&v4, *class, WIDEST_V4), prefix(&v6, *class, WIDEST_V6)));
        }
    }
    Bounds {
        widest,
        longest: of_classes(&written.days, &DAYS, "a number of days", desk),
        longest_exception: within(&written.exception_days, &DAYS, "a number of days", desk),
        longest_forward: within(&written.forward_days, &DAYS, "a number of days", desk),
        written: None,
    }
}

fn of_classes(written: &ByClass, range: &RangeInclusive<u32>, what: &str, desk: &mut Desk<'_>) -> Vec<(Class, u32)> {
    let all = [
        (Class::Device, &written.device),
        (Class::Legacy, &written.legacy),
        (Class::Application, &written.application),
        (Class::Bulk, &written.bulk),
        (Class::Department, &written.department),
        (Class::User, &written.user),
    ];
    let named = all
        .into_iter()
        .filter_map(|(class, count)| Some((class, within(count, range, what, desk)?)));
    named.collect()
}

fn within(written: &file::Count, range: &RangeInclusive<u32>, what: &str, desk: &mut Desk<'_>) -> Option<u32> {
    let written = written.as_ref()?;
    if !range.contains(written) {
        desk.say(
            Problem::error(
                written.span(),
                format!("this is not {what} from {} to {}", range.start(), range.end()),
            )
            .why("a bound that bounds nothing would be a promise nobody keeps"),
        );
        return None;
    }
    Some(**written)
}

/// The operator's own properties, in the order in which they were written.
pub(super) fn assertions(file: &File, rulebook: &Rulebook, desk: &mut Desk<'_>) -> Vec<Assertion> {
    let never = file.never.iter().map(|written| (Must::Never, written));
    let always = file.always.iter().map(|written| (Must::Always, written));
    let mut all: Vec<_> = never.chain(always).collect();
    all.sort_by_key(|(_, written)| written.span().start);
    let mut assertions = Vec::new();
    for (must, written) in all {
        let mut form = Form {
            written,
            rulebook,
            desk,
        };
        assertions.extend(form.assertion(must));
    }
    assertions
}

/// One assertion being read.
struct Form<'f, 'd, 'a> {
    written: &'f At<file::Assertion>,
    rulebook: &'f Rulebook,
    desk: &'d mut Desk<'a>,
}

impl Form<'_, '_, '_> {
    fn assertion(&mut self, must: Must) -> Option<Assertion> {
        let written = self.written;
        let table = match must {
            Must::Never => "never",
            Must::Always => "always",
        };
        // What was left out of a list is not said to be missing from it.
        let spoiled = self.desk.is_spoiled(&[table]);
        let name = match (&written.name, spoiled) {
            (None, true) => None,
            (name, _) => self.desk.words(
                &[table, "name"],
                name,
                &written.span(),
                format!("this [[{table}]] has no name"),
                "a proof that fails says by it what was meant",
            ),
        };
        let name = Name::from(name.unwrap_or_default());
        let (who, door) = (self.who(), self.door());
        let senders = listed(&written.from).map(|word| self.sender(word)).collect::<Vec<_>>();
        let recipients = listed(&written.to).map(|word| self.recipient(word)).collect::<Vec<_>>();
        if is_open(written) && !spoiled {
            self.desk.say(
                Problem::error(
                    written.span(),
                    format!("this [[{table}]] says nothing of what must {table} be"),
                )
                .why("left open altogether it means every message there is")
                .advise("say who, from where, as whom, to whom: `networks`, `login`, `grant`, `from`, `to`, ..."),
            );
        }
        Some(Assertion {
            must,
            name,
            who: who?,
            sources: values(&written.networks),
            door: door?,
            senders: senders.into_iter().collect::<Option<_>>()?,
            recipients: recipients.into_iter().collect::<Option<_>>()?,
            encrypted: written.tls.as_ref().map(|tls| **tls),
            place: self.desk.place(&written.span()),
        })
    }

    /// Who sends; `None` where that is nobody there is.
    fn who(&mut self) -> Option<Who> {
        let file::Assertion {
            identity, login, grant, ..
        } = self.written.get();
        match (identity, login, grant) {
            (None, None, None) => Some(Who::Anybody),
            (Some(identity), None, None) => Some(match **identity {
                RawIdentity::Any => Who::Anybody,
                RawIdentity::None => Who::Nobody,
            }),
            (None, Some(login), None) => self.login(login),
            (None, None, Some(grant)) => self.grant(grant),
            _ => {
                self.desk.say(
                    Problem::error(self.written.span(), "this names its sender in more than one way")
                        .advise("write one of `identity`, `login`, `grant`"),
                );
                None
            }
        }
    }

    fn login(&mut self, login: &At<String>) -> Option<Who> {
        let known = |by: &By| matches!(by, By::Login(name) if name.eq_ignore_ascii_case(login));
        if self.rulebook.grants.iter().any(|grant| known(&grant.by)) {
            return Some(Who::Login(Name::from(login.as_str())));
        }
        self.desk.say(
            Problem::error(login.span(), format!("no grant has the login `{}`", login.get()))
                .why("what is said of nobody is true of nobody")
                .advise("correct it, or take the assertion out"),
        );
        None
    }

    fn grant(&mut self, grant: &At<String>) -> Option<Who> {
        let known = self.rulebook.grants.iter().map(|one| &*one.name);
        self.named(grant, known.collect(), "grant")
            .then(|| Who::Grant(Name::from(grant.as_str())))
    }

    /// Over which listener; `None` where there is no such one.
    fn door(&mut self) -> Option<Option<Door>> {
        match (&self.written.listener, &self.written.role) {
            (None, None) => Some(None),
            (Some(listener), None) => {
                let known = self.rulebook.listeners.iter().map(|one| &*one.name);
                self.named(listener, known.collect(), "listener")
                    .then(|| Some(Door::Named(Name::from(listener.as_str()))))
            }
            (None, Some(role)) => self.role(role).map(|role| Some(Door::Role(role))),
            (Some(_), Some(role)) => {
                self.desk.say(
                    Problem::error(role.span(), "this names its listener in more than one way")
                        .advise("write one of `listener`, `role`"),
                );
                None
            }
        }
    }

    fn role(&mut self, role: &At<RawRole>) -> Option<Role> {
        let wanted = role.smtp();
        if wanted.is_none() {
            self.desk
                .say(Problem::error(role.span(), "no mail comes in there").advise("name a role that speaks SMTP"));
        }
        wanted
    }

    /// Whether there is one of this name.
    fn named(&mut self, name: &At<String>, known: Vec<&str>, what: &str) -> bool {
        if known.contains(&name.as_str()) {
            return true;
        }
        let advice = match nearest(name, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "correct it, or take the assertion out".to_owned(),
        };
        self.desk.say(
            Problem::error(name.span(), format!("there is no {what} {}", name.get()))
                .why("what is said of nobody is true of nobody")
                .advise(advice),
        );
        false
    }

    fn sender(&mut self, (word, at): (&str, std::ops::Range<usize>)) -> Option<AsWhom> {
        match word {
            "internal" => return Some(AsWhom::Ours),
            "external" => return Some(AsWhom::Outside),
            "<>" => return Some(AsWhom::Null),
            _ => {}
        }
        let pattern = SenderPattern::spell(word);
        self.or_say(pattern, at).map(AsWhom::Pattern)
    }

    fn recipient(&mut self, (word, at): (&str, std::ops::Range<usize>)) -> Option<ToWhom> {
        match word {
            "internal" => return Some(ToWhom::Ours),
            "external" => return Some(ToWhom::External),
            _ => {}
        }
        if word.contains('@') {
            let mailbox = Mailbox::spell(word);
            return self.or_say(mailbox, at).map(ToWhom::Exactly);
        }
        let domains = DomainPattern::spell(word);
        self.or_say(domains, at).map(ToWhom::Domains)
    }

    fn or_say<T>(&mut self, read: Result<T, String>, at: std::ops::Range<usize>) -> Option<T> {
        read.map_err(|why| {
            self.desk.say(
                Problem::error(at, why)
                    .advise("or write \"internal\" for our own domains, \"external\" for all others"),
            );
        })
        .ok()
    }
}

/// Whether nothing is said but a name.
fn is_open(written: &file::Assertion) -> bool {
    let file::Assertion {
        name: _,
        identity,
        login,
        grant,
        networks,
        listener,
        role,
        from,
        to,
        tls,
    } = written;
    let who = identity.is_none() && login.is_none() && grant.is_none();
    let door = listener.is_none() && role.is_none() && tls.is_none();
    who && door && networks.is_empty() && from.is_none() && to.is_none()
}

/// The words of `to = "any"` or `to = ["a", "b"]`, each with its place.
fn listed(written: &Maybe<Words>) -> impl Iterator<Item = (&str, std::ops::Range<usize>)> {
    written.iter().flat_map(|written| match written.get() {
        Words::One(word) => vec![(word.as_str(), written.span())],
        Words::List(words) => words.iter().map(|word| (word.as_str(), word.span())).collect(),
    })
}
