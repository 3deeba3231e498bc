//! Grants of the configuration file, as commands find them: pinned, as they change with the file alone. They can be
//! suspended and reinstated all the same.

use mail::Timestamp;
use policy::{By, Grant, GrantState, Scope};
use registry::{Actor, CaseId, DeskError, Person, Pinned, Role, State, Suspension};
use serde_json::{Value, json};

use super::office::{Office, Refusal};
use super::{Told, Trouble, told};
use crate::registrar::Registry;
use crate::story::Printable;

/// A grant, as somebody names it: a case, or what stands in the file.
#[derive(Clone, Debug)]
pub(super) struct Named(String);

impl Named {
    /// Reads it.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let is_name = !text.is_empty() && !text.chars().any(|char| char.is_control() || char.is_whitespace());
        is_name
            .then(|| Self(text.to_owned()))
            .ok_or_else(|| "this is no grant; write it as pc-1042, or as the configuration file calls it".to_owned())
    }

    /// The grant of the file of this name. It serves, whatever else is called so.
    pub(super) fn pinned(&self, office: &mut Office<'_>) -> Result<Option<Pin>, Trouble> {
        let grants = &office.config.rulebook.grants;
        let Some(grant) = grants.iter().find(|grant| *grant.name == *self.0).cloned() else {
            return Ok(None);
        };
        let said = office.desk.store().said_of(&grant.name).map_err(anyhow::Error::from)?;
        Ok(Some(Pin {
            grant,
            said: said.last().cloned(),
        }))
    }

    /// The case that it otherwise is.
    pub(super) fn case(&self) -> Result<CaseId, Trouble> {
        CaseId::parse(&self.0).ok_or_else(|| {
            Refusal::new(format!("there is no grant {}", Printable(&self.0)))
                .advise("portcullis access list shows every case, and the grants of the configuration file")
                .into()
        })
    }
}

/// A grant of the file.
pub(super) struct Pin {
    pub(super) grant: Grant,
    /// What was said of it last.
    said: Option<Pinned>,
}

/// All of them, in the order of the file.
pub(super) fn all(office: &mut Office<'_>) -> Result<Vec<Pin>, Trouble> {
    let all = office.desk.store().pinned().map_err(anyhow::Error::from)?;
    let said = |grant: &Grant| all.iter().find(|said| *said.name == *grant.name).cloned();
    let grants = office.config.rulebook.grants.iter();
    Ok(grants
        .map(|grant| Pin {
            grant: grant.clone(),
            said: said(grant),
        })
        .collect())
}

/// Lets one not serve for now.
pub(super) fn suspend(
    pin: &Pin,
    reason: &str,
    abuse: bool,
    who: &Person,
    office: &mut Office<'_>,
) -> Result<Told, Trouble> {
    let name = pin.grant.name.clone();
    say(
        pin,
        who,
        office,
        &[Role::Admin, Role::Security],
        |desk, actor, now| match abuse {
            true => desk.abuse_of_pinned(&name, reason, actor, now),
            false => desk.suspend_pinned(&name, reason, actor, now),
        },
    )
}

/// Lets one serve again.
pub(super) fn reinstate(pin: &Pin, reason: &str, who: &Person, office: &mut Office<'_>) -> Result<Told, Trouble> {
    if let GrantState::Suspended(why) = &pin.grant.state {
        let said = format!("{} is suspended in the configuration file: {why}", pin.grant.name);
        return Err(Refusal::new(said)
            .advise(format!("take `suspended` out of it in line {}", pin.grant.place.line))
            .into());
    }
    let name = pin.grant.name.clone();
    let usual: &[Role] = match pin.is_abused() {
        true => &[Role::Security],
        false => &[Role::Admin, Role::Security],
    };
    say(pin, who, office, usual, |desk, actor, now| {
        desk.reinstate_pinned(&name, reason, actor, now)
    })
}

/// Says something of one, in the role that it is usually for.
fn say(
    pin: &Pin,
    who: &Person,
    office: &mut Office<'_>,
    usual: &[Role],
    saying: impl FnOnce(&mut Registry, &Actor, Timestamp) -> Result<Pinned, DeskError>,
) -> Result<Told, Trouble> {
    let roles = office.people.roles(who);
    let usual = usual.iter().copied().find(|role| roles.contains(role));
    let Some(role) = usual.or_else(|| roles.first().copied()) else {
        return Err(Refusal::new(format!("{who} has no role here"))
            .advise("say who you are with --as ADDRESS; [registry.roles] names those who decide")
            .into());
    };
    let (actor, now) = (Actor::Human { who: who.clone(), role }, office.now());
    let said = saying(&mut office.desk, &actor, now);
    let said = said.map_err(|why| office.refused(why, None))?;
    let pin = Pin {
        grant: pin.grant.clone(),
        said: Some(said),
    };
    Ok(Told::new(pin.outcome(now), pin.json(now)))
}

/// Everything about one.
pub(super) fn show(pin: &Pin, office: &mut Office<'_>) -> Result<Told, Trouble> {
    let history = office
        .desk
        .store()
        .said_of(&pin.grant.name)
        .map_err(anyhow::Error::from)?;
    let now = office.now();
    let mut json = pin.json(now);
    if let Some(fields) = json.as_object_mut() {
        fields.insert("history".to_owned(), history.iter().map(step).collect());
    }
    let mut text = pin.outcome(now) + "\n";
    for (name, value) in pin.fields() {
        text.push_str(&format!("  {name:<11} {}\n", Printable(&value)));
    }
    if !history.is_empty() {
        text.push_str("\nHistory, times in UTC\n");
    }
    for said in &history {
        let (at, actor) = (told::minute(said.at), Printable(&said.actor));
        text.push_str(&format!("  {at}  {:<9}  by {actor}\n", said.event()));
        for line in said.why.lines() {
            text.push_str(&format!("  {:16}  {:9}  \"{}\"\n", "", "", Printable(line)));
        }
    }
    Ok(Told::new(text, json))
}

fn step(said: &Pinned) -> Value {
    json!({ "at": said.at.to_rfc3339(), "actor": said.actor, "event": said.event(), "said": said.why })
}

impl Pin {
    /// Where it stands.
    pub(super) fn state(&self, now: Timestamp) -> State {
        let grant = &self.grant;
        let stopped = self.said.as_ref().filter(|said| said.suspended);
        match grant.state {
            _ if grant.until < now => State::Expired,
            _ if stopped.is_some() => stopped.map_or(State::Active, Pinned::state),
            GrantState::Active if grant.from_time > now => State::Approved,
            GrantState::Active => State::Active,
            GrantState::Suspended(_) => State::Suspended(Suspension::Operator),
        }
    }

    fn is_abused(&self) -> bool {
        self.said.as_ref().is_some_and(|said| said.suspended && said.abuse)
    }

    /// For programs.
    pub(super) fn json(&self, now: Timestamp) -> Value {
        let grant = &self.grant;
        let stopped = self.said.as_ref().filter(|said| said.suspended);
        json!({
            "id": &*grant.name,
            "owner": grant.owner,
            "state": self.state(now).code(),
            "until": grant.until.to_rfc3339(),
            "pinned": true,
            "unreviewed": false,
            "technical": grant.contact.to_string(),
            "purpose": grant.reason,
            "what": self.shows(),
            "senders": grant.senders.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "line": grant.place.line,
            "suspended": stopped.map(step),
        })
    }

    /// How a client of it shows who it is.
    pub(super) fn shows(&self) -> String {
        match &self.grant.by {
            By::Login(name) => format!("login {name}"),
            By::Certificate(ids) => {
                let all: Vec<String> = ids.iter().map(ToString::to_string).collect();
                format!("certificate {}", all.join(", "))
            }
            By::Address(networks) => {
                let all: Vec<String> = networks.iter().map(address).collect();
                all.join(", ")
            }
        }
    }

    /// Where it stands, and what comes next.
    fn outcome(&self, now: Timestamp) -> String {
        let (grant, state) = (&self.grant, self.state(now));
        let stands = match state {
            State::Active => "the configuration file grants it",
            State::Approved => "its first day is still to come",
            state => state.in_words(),
        };
        let mut text = format!("{}  {state}, pinned: {stands}\n", grant.name);
        text.push_str(&format!("  until  {}\n", grant.until.to_date()));
        let next = match (&grant.state, &self.said) {
            (GrantState::Suspended(_), _) => format!("line {} of the configuration file says so", grant.place.line),
            (_, Some(said)) if said.suspended && said.abuse => format!(
                "security looks at it: portcullis access reinstate {} --reason ...",
                grant.name
            ),
            (_, Some(said)) if said.suspended => format!(
                "an administrator or security lets it serve again: portcullis access reinstate {} --reason ...",
                grant.name
            ),
            _ => return text,
        };
        text.push_str(&format!("  next   {next}\n"));
        text
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let grant = &self.grant;
        let senders: Vec<String> = grant.senders.iter().map(ToString::to_string).collect();
        let recipients = match &grant.scope {
            Scope::Internal => "our own domains".to_owned(),
            Scope::Any => "anybody".to_owned(),
            Scope::Domains(more) => {
                let more: Vec<String> = more.iter().map(ToString::to_string).collect();
                format!("our own domains, {}", more.join(", "))
            }
        };
        vec![
            ("what", self.shows()),
            ("purpose", grant.reason.clone()),
            ("sends as", senders.join(", ")),
            ("sends to", recipients),
            ("owner", grant.owner.clone()),
            ("contact", grant.contact.to_string()),
            (
                "stands in",
                format!("the configuration file, line {}", grant.place.line),
            ),
        ]
    }
}

/// A network of one address is that address.
fn address(network: &ipnet::IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}
