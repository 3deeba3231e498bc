//! The registry as a command finds it, and the steps it takes there.

use std::fmt;

use anyhow::Context;
use mail::Timestamp;
use registry::{
    Actor, CaseId, Deadline, DeskError, Event, Kept, NoStep, Person, Remark, Request, Role, StoreError, Weight,
};
use serde_json::{Value, json};

use super::{Acting, Around, Common, Trouble, advice};
use crate::commands::check;
use crate::config::{Config, RegistrySettings, Report};
use crate::registrar::{self, House, People, Registry};
use crate::story::Printable;

/// An opened registry, and who is who.
pub(super) struct Office<'a> {
    pub(super) config: Config,
    pub(super) settings: RegistrySettings,
    pub(super) people: People,
    pub(super) desk: Registry,
    /// The files of the network that cannot be used.
    pub(super) reports: Vec<Report>,
    pub(super) around: &'a Around,
}

impl<'a> Office<'a> {
    /// Of this configuration.
    pub(super) fn open(common: &Common, around: &'a Around) -> Result<Self, Trouble> {
        let path = &common.config.path;
        let name = path.display();
        let reading = check::read(path)?;
        let counts = reading.report.counts();
        let config = reading.config.with_context(|| {
            format!("{name} has {counts}, so it cannot say who decides; `portcullis check` shows them")
        })?;
        let settings = config.registry.clone().with_context(|| {
            format!(
                "{name} has no [registry]; add one, with [registry.roles] in it, as `portcullis config example` shows"
            )
        })?;
        let (desk, reports) = registrar::open(&settings, House::of(&config)).map_err(anyhow::Error::from)?;
        Ok(Self {
            people: People::new(&settings.roles),
            config,
            settings,
            desk,
            reports,
            around,
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.around.now
    }

    /// A case, by its number.
    pub(super) fn kept(&mut self, id: CaseId) -> Result<Kept, Trouble> {
        let kept = self.desk.store().get(id).map_err(anyhow::Error::from)?;
        kept.ok_or_else(|| {
            Refusal::new(format!("there is no {id}"))
                .advise("portcullis access list shows every case")
                .into()
        })
    }

    /// What is asked for in it, where that can be read.
    pub(super) fn understood(&self, kept: &Kept) -> Option<Request> {
        self.desk.understood(kept, self.now()).0
    }

    /// What time will do to it next.
    pub(super) fn next_due(&self, kept: &Kept) -> Option<(Deadline, Timestamp)> {
        self.desk.next_due(kept)
    }

    /// Who acts: who says so, or the only administrator.
    pub(super) fn who(&self, acting: &Acting) -> Result<Person, Trouble> {
        if let Some(who) = &acting.who {
            return self.person(who);
        }
        self.people.only_admin().cloned().ok_or_else(|| {
            Refusal::new("who acts? It is recorded, and nobody decides about what they asked for themselves".to_owned())
                .advise("name yourself with --as ADDRESS, or set PORTCULLIS_AS")
                .into()
        })
    }

    /// Somebody by address.
    pub(super) fn person(&self, address: &str) -> Result<Person, Trouble> {
        match mail::Mailbox::parse(address.trim()) {
            Ok(mailbox) => Ok(Person::new(&mailbox.to_string())),
            Err(why) => Err(
                Refusal::new(format!("{} is no mail address: {why}", Printable(address)))
                    .advise("write it as in relay@example.edu")
                    .into(),
            ),
        }
    }

    /// Takes a step as somebody, in whichever of their roles it is possible.
    pub(super) fn act(&mut self, id: CaseId, event: &Event, who: &Person) -> Result<Kept, Trouble> {
        let kept = self.kept(id)?;
        let roles = self.people.roles_in(who, &kept);
        let now = self.now();
        self.first_possible(&kept, who, &roles, event.people(), |desk, actor| {
            desk.act(id, event, actor, now)
        })
    }

    /// Tries one role after the other, those first that the step is usually for; the first that is not refused for its
    /// role alone counts.
    pub(super) fn first_possible<T>(
        &mut self,
        kept: &Kept,
        who: &Person,
        roles: &[Role],
        usual: &[Role],
        mut attempt: impl FnMut(&mut Registry, &Actor) -> Result<T, DeskError>,
    ) -> Result<T, Trouble> {
        let mut tried: Vec<Role> = usual.iter().copied().filter(|role| roles.contains(role)).collect();
        tried.extend(roles.iter().copied().filter(|role| !usual.contains(role)));
        let mut refused = None;
        for role in tried {
            let actor = Actor::Human { who: who.clone(), role };
            match attempt(&mut self.desk, &actor) {
                Err(DeskError::NoStep {
                    why: why @ NoStep::NotYours { .. },
                    ..
                }) => {
                    refused.get_or_insert(why);
                }
                Err(why) => return Err(self.refused(why, Some(kept))),
                Ok(done) => return Ok(done),
            }
        }
        Err(match refused {
            Some(why) => self.refused(DeskError::NoStep { id: kept.id, why }, Some(kept)),
            None => Refusal::new(format!("{who} is nobody to {}, and has no role here", kept.id))
                .about(kept.id)
                .advise("say who you are with --as ADDRESS; [registry.roles] names those who decide")
                .into(),
        })
    }

    /// A refusal of the desk, with what leads on.
    pub(super) fn refused(&self, why: DeskError, kept: Option<&Kept>) -> Trouble {
        let about = |refusal: Refusal| match kept {
            Some(kept) => refusal.about(kept.id),
            None => refusal,
        };
        match why {
            DeskError::Form(remarks) => about(Refusal {
                remarks,
                ..Refusal::new("the form has to be put right first".to_owned())
            })
            .into(),
            DeskError::NoStep { id, why } => about(Refusal::new(format!("{id}: {why}")))
                .maybe_advise(advice::of(&why, kept, self))
                .into(),
            DeskError::Pinned { name, why } => Refusal::new(format!("{name}: {why}"))
                .about(name)
                .maybe_advise(advice::of(&why, None, self))
                .into(),
            DeskError::NoImport { why } => about(Refusal::new(format!("it cannot be imported: {why}")))
                .maybe_advise(advice::of(&why, kept, self))
                .into(),
            DeskError::List(why) => about(Refusal::new(why.to_string())).into(),
            DeskError::Store(why @ (StoreError::Changed(_) | StoreError::ListChanged(_) | StoreError::Missing(_))) => {
                about(Refusal::new(why.to_string())).into()
            }
            DeskError::Store(why) => Trouble::Failed(why.into()),
        }
    }
}

/// The answer is no: why, and what leads on.
#[derive(Debug)]
pub(super) struct Refusal {
    about: Option<String>,
    said: String,
    advice: Option<String>,
    remarks: Vec<Remark>,
    /// The place in a file, for people.
    shown: String,
}

impl Refusal {
    pub(super) fn new(said: String) -> Self {
        Self {
            about: None,
            said,
            advice: None,
            remarks: Vec::new(),
            shown: String::new(),
        }
    }

    pub(super) fn showing(mut self, report: String) -> Self {
        self.shown = report;
        self
    }

    pub(super) fn about(mut self, id: impl ToString) -> Self {
        self.about = Some(id.to_string());
        self
    }

    pub(super) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// It is one line of many for which the answer is no.
    pub(super) fn at(mut self, line: &str, before: &str) -> Self {
        self.said = format!("{line}: {}; {before}", self.said);
        self
    }

    pub(super) fn maybe_advise(mut self, advice: Option<String>) -> Self {
        self.advice = advice;
        self
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "error": self.said,
            "id": self.about,
            "do": self.advice,
            "remarks": self.remarks.iter().map(remark).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "portcullis: {}", Printable(&self.said))?;
        f.write_str(&self.shown)?;
        f.write_str(&remarks(&self.remarks))?;
        match &self.advice {
            Some(advice) => writeln!(f, "  do: {}", Printable(advice)),
            None => Ok(()),
        }
    }
}

/// Remarks on a form, a line each, what blocks first.
pub(super) fn remarks(remarks: &[Remark]) -> String {
    let mut sorted: Vec<&Remark> = remarks.iter().collect();
    sorted.sort_by_key(|remark| remark.weight != Weight::Blocks);
    let width = sorted
        .iter()
        .map(|remark| remark.field.chars().count())
        .max()
        .unwrap_or(0);
    let lines = sorted.iter().map(|remark| {
        let weight = match remark.weight {
            Weight::Blocks => "put right ",
            Weight::Doubt => "look again",
        };
        format!("  {weight}  {:<width$}  {}\n", remark.field, Printable(&remark.said))
    });
    lines.collect()
}

/// A remark, for programs.
pub(super) fn remark(remark: &Remark) -> Value {
    json!({
        "field": remark.field,
        "blocks": remark.weight == Weight::Blocks,
        "said": remark.said,
    })
}
