//! `portcullis access attest`: the yearly lists of departments, and what was answered to them.

use std::collections::BTreeSet;

use mail::Timestamp;
use registry::{
    Actor, AnswerTo, Attestation, CaseId, DeskError, Entry, ListId, ListStep, Lists, NoAnswer, Person, Role, Standing,
};
use serde_json::{Value, json};

use super::office::{Office, Refusal};
use super::{Acting, Around, Common, Told, Trouble, show, told};
use crate::commands::queue::aligned;
use crate::story::Printable;

/// Arguments of `access attest`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Once a year the head of each department is asked, in one letter, which of its grants are still needed: \
        all of them, or all but those that are marked. What is kept goes on to its own end; what is not ends at once, and \
        its people are told. A gate makes the lists by itself on the day that `attestation` of [registry] names, and asks \
        the heads that [registry.heads] names; what has no head is asked of the administrators.\n\nWithout anything else \
        this shows every list, with whom it asks and how it stands; with a list, every grant on it and what became of it. \
        --department makes the list of one department now. --keep-all and --remove answer a list: as its head \
        (--as), or in the head's place, with --reason. Nobody attests what they asked for themselves: that is left on the \
        list for somebody else.",
    after_help = "Examples:\n  portcullis access attest\n  portcullis access attest list-7\n  portcullis access attest \
        --department Physics\n  portcullis access attest list-7 --keep-all --reason \"the dean said so on the telephone\"\n  \
        portcullis access attest list-7 --remove pc-1042 --remove pc-1043 --as dean@example.edu"
)]
pub(super) struct Args {
    /// The list, as in list-7.
    #[arg(value_name = "LIST", value_parser = list_id)]
    list: Option<ListId>,
    /// Make the list of this department now, and ask its head.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["list", "open"])]
    department: Option<String>,
    /// Of this department or customer; with --department, by default the `scope` of [registry].
    #[arg(long, value_name = "SCOPE", conflicts_with = "list")]
    scope: Option<String>,
    /// Only lists that wait for an answer.
    #[arg(long, conflicts_with = "list")]
    open: bool,
    /// Answer: everything on the list is still needed.
    #[arg(long, requires = "list", conflicts_with_all = ["remove", "department"])]
    keep_all: bool,
    /// Answer: this is no longer needed, and everything else on the list is; may be said several times.
    #[arg(long, value_name = "CASE", value_parser = show::id, requires = "list", conflicts_with = "department")]
    remove: Vec<CaseId>,
    /// Why: it is kept with the answer, and told to the people of what is removed.
    #[arg(long, value_name = "TEXT", requires = "list")]
    reason: Option<String>,
    #[command(flatten)]
    acting: Acting,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Reads the number of a list.
fn list_id(text: &str) -> Result<ListId, String> {
    ListId::parse(text).ok_or_else(|| "this is no list; write it as list-7".to_owned())
}

pub(super) fn run(args: &Args, around: &Around) -> Result<Told, Trouble> {
    let mut office = Office::open(&args.common, around)?;
    match (args.list, &args.department) {
        (Some(id), _) if args.keep_all || !args.remove.is_empty() => answer(id, args, &mut office),
        (Some(id), _) if args.reason.is_some() => Err(Refusal::new("a reason is for an answer".to_owned())
            .about(id)
            .advise("add --keep-all, or --remove CASE for what is no longer needed")
            .into()),
        (Some(id), _) => {
            let list = office.desk.list(id).map_err(|why| refused(why, &mut office, None))?;
            one(&list, &mut office)
        }
        (None, Some(department)) => make(department, args, &mut office),
        (None, None) => all(args, &mut office),
    }
}

fn make(department: &str, args: &Args, office: &mut Office<'_>) -> Result<Told, Trouble> {
    let who = office.who(&args.acting)?;
    let scope: Box<str> = match &args.scope {
        Some(scope) => scope.trim().into(),
        None => office.settings.scope.clone(),
    };
    let role = in_place_of_a_head(&who, office).ok_or_else(|| {
        Refusal::new(format!(
            "{who} neither runs the relay nor is security: who asks a head is one of them"
        ))
        .advise("say who you are with --as ADDRESS; [registry.roles] names those who decide")
    })?;
    let (actor, now) = (Actor::Human { who, role }, office.now());
    let made = office.desk.ask_head(&scope, department, &actor, now);
    let list = made.map_err(|why| refused(why, office, Some(&scope)))?;
    one(&list, office)
}

fn answer(id: ListId, args: &Args, office: &mut Office<'_>) -> Result<Told, Trouble> {
    let who = office.who(&args.acting)?;
    let list = office.desk.list(id).map_err(|why| refused(why, office, None))?;
    let role = match list.head.as_ref() == Some(&who) {
        true => Role::Head,
        false => in_place_of_a_head(&who, office).unwrap_or(Role::Head),
    };
    let remove: BTreeSet<CaseId> = args.remove.iter().copied().collect();
    let answer = AnswerTo {
        list: id,
        remove: &remove,
        reason: args.reason.as_deref().unwrap_or_default(),
    };
    let (actor, now) = (Actor::Human { who, role }, office.now());
    let answered = office.desk.attest(answer, &actor, now);
    let list = answered.map_err(|why| refused(why, office, None))?;
    one(&list, office)
}

/// As what somebody answers in the place of a head, where they may.
fn in_place_of_a_head(who: &Person, office: &Office<'_>) -> Option<Role> {
    let roles = office.people.roles(who);
    [Role::Admin, Role::Security]
        .into_iter()
        .find(|role| roles.contains(role))
}

fn refused(why: DeskError, office: &mut Office<'_>, scope: Option<&str>) -> Trouble {
    let DeskError::List(why) = why else {
        return office.refused(why, None);
    };
    let advice = match &why {
        NoAnswer::Missing(_) => "portcullis access attest shows every list".to_owned(),
        NoAnswer::Over { id, .. } => {
            format!("portcullis access attest {id} shows the answer; portcullis access revoke ends any grant")
        }
        NoAnswer::NotOnIt { id, case } => format!(
            "portcullis access attest {id} shows what is on it; portcullis access revoke {case} ends it all the same"
        ),
        NoAnswer::Said { case, .. } => format!("portcullis access revoke {case} ends it where that was a mistake"),
        NoAnswer::NotYours { .. } => {
            "the head answers, or in their place an administrator or security, with --reason; --as says who you are"
                .to_owned()
        }
        NoAnswer::AllTheirOwn { .. } => {
            "another administrator, or security, answers for it: --as says who you are".to_owned()
        }
        NoAnswer::NoGrants(_) => known_departments(office, scope),
        NoAnswer::OpenAlready { id, .. } => {
            format!(
                "portcullis access attest {id} shows it; --keep-all or --remove answers it in the place of its head"
            )
        }
        NoAnswer::NoReason => "say with --reason who told you, or why".to_owned(),
    };
    Refusal::new(why.to_string()).advise(advice).into()
}

/// Those of which a list can be made.
fn known_departments(office: &mut Office<'_>, scope: Option<&str>) -> String {
    let all = office.desk.departments().unwrap_or_default();
    let (mut here, mut elsewhere) = (Vec::new(), BTreeSet::new());
    for (of, department) in all {
        match scope == Some(&*of) {
            true => here.push(format!("{department:?}")),
            false => _ = elsewhere.insert(format!("{of:?}")),
        }
    }
    if !here.is_empty() {
        return format!("departments with grants: {}", here.join(", "));
    }
    match elsewhere.is_empty() {
        true => "portcullis access list shows every grant; none is set up".to_owned(),
        false => {
            let scopes: Vec<String> = elsewhere.into_iter().collect();
            format!("name the scope as well: --scope, one of {}", scopes.join(", "))
        }
    }
}

fn all(args: &Args, office: &mut Office<'_>) -> Result<Told, Trouble> {
    let which = if args.open { Lists::Open } else { Lists::All };
    let mut lists = office.desk.store().lists(which).map_err(anyhow::Error::from)?;
    lists.retain(|list| args.scope.as_deref().is_none_or(|scope| *list.scope == *scope));
    let json: Vec<Value> = lists.iter().map(|list| as_json(list, None, office)).collect();
    Ok(Told::new(table(&lists, office), json!({ "lists": json })))
}

fn table(lists: &[Attestation], office: &Office<'_>) -> String {
    let day = office.settings.attestation;
    let next = day.and_then(|day| office.settings.calendar.begins_next(day, office.now()));
    let next = match next {
        Some(next) => format!(
            "The heads are asked next on {}; --department asks one now.\n",
            office.settings.calendar.date(next)
        ),
        None => "No day is named on which heads are asked; --department asks one now.\n".to_owned(),
    };
    if lists.is_empty() {
        return format!("No list waits, or was ever made.\n{next}");
    }
    let mut rows = vec![["LIST", "STANDS", "ASKED", "ANSWER BY", "WHOM", "OF"].map(str::to_owned)];
    rows.extend(lists.iter().map(|list| {
        let by = if list.standing.is_open() {
            office.desk.ends_of(list).to_date()
        } else {
            "-".to_owned()
        };
        [
            list.id.to_string(),
            list.standing.code().to_owned(),
            list.asked.to_date(),
            by,
            Printable(whom(list)).to_string(),
            Printable(&format!(
                "{}, {} of {} left",
                list.whose(),
                list.waiting().count(),
                list.entries.len()
            ))
            .to_string(),
        ]
    }));
    aligned(&rows) + &next
}

/// Whom a list asks.
fn whom(list: &Attestation) -> &str {
    list.head.as_ref().map_or("the administrators", |head| head.address())
}

/// One list, with everything on it.
fn one(list: &Attestation, office: &mut Office<'_>) -> Result<Told, Trouble> {
    let history = office
        .desk
        .store()
        .history_of_list(list.id)
        .map_err(anyhow::Error::from)?;
    let json = as_json(list, Some(&history), office);
    Ok(Told::new(text(list, &history, office), json))
}

fn text(list: &Attestation, history: &[ListStep], office: &Office<'_>) -> String {
    let mut text = format!(
        "{}  {}: {}\n  of     {}, in the scope {}\n",
        list.id,
        list.standing.code(),
        stands(list.standing),
        Printable(list.whose()),
        Printable(&list.scope)
    );
    if list.standing.is_open() {
        let by = office.desk.ends_of(list);
        text.push_str(&format!(
            "  asks   {}, since {}; an answer is due by {}\n  next   portcullis access attest {} --keep-all --reason ..., or \
             --remove CASE for what is not needed\n",
            Printable(whom(list)),
            list.asked.to_date(),
            by.to_date(),
            list.id
        ));
    }
    text.push_str(&format!("  shown  as SHA-256 {}\n\n", hex(&list.hash)));
    let mut rows = vec![["ID", "BECAME", "STOOD", "UNTIL", "LAST MAIL", "OWNER", "WHAT"].map(str::to_owned)];
    rows.extend(list.entries.iter().map(row));
    text.push_str(&aligned(&rows));
    text.push_str("\nHistory, times in UTC\n");
    let width = history.iter().map(|step| step.event.len()).max().unwrap_or(0);
    for step in history {
        let (event, actor) = (&step.event, Printable(&step.actor));
        text.push_str(&format!("  {}  {event:<width$}  by {actor}\n", told::minute(step.at)));
        if let Some(said) = &step.said {
            text.push_str(&format!("  {:16}  {:width$}  {}\n", "", "", Printable(said)));
        }
    }
    text
}

fn row(entry: &Entry) -> [String; 7] {
    let shown = &entry.shown;
    let or_dash = |text: &str| {
        if text.is_empty() {
            "-".to_owned()
        } else {
            text.to_owned()
        }
    };
    [
        entry.case.to_string(),
        entry.outcome.map_or("-", |outcome| outcome.code()).to_owned(),
        shown.state.clone(),
        or_dash(&shown.until),
        or_dash(&shown.last),
        Printable(&shown.owner).to_string(),
        Printable(&shown.what).to_string(),
    ]
}

const fn stands(standing: Standing) -> &'static str {
    match standing {
        Standing::Open => "it waits for an answer",
        Standing::Overdue => "nobody has answered in time, and somebody still has to",
        Standing::Answered => "every grant on it was answered for",
        Standing::Replaced => "nobody answered, and another list took its place",
    }
}

/// A list, for programs.
fn as_json(list: &Attestation, history: Option<&[ListStep]>, office: &Office<'_>) -> Value {
    let by: Option<Timestamp> = list.standing.is_open().then(|| office.desk.ends_of(list));
    let mut json = json!({
        "list": list.id.to_string(),
        "scope": list.scope,
        "department": list.department,
        "head": list.head.as_ref().map(|head| head.address().to_owned()),
        "standing": list.standing.code(),
        "made": list.made.to_rfc3339(),
        "asked": list.asked.to_rfc3339(),
        "answer_by": told::time(by),
        "sha256": hex(&list.hash),
        "grants": list.entries.iter().map(|entry| json!({
            "id": entry.case.to_string(),
            "outcome": entry.outcome.map(|outcome| outcome.code()),
            "shown": serde_json::to_value(&entry.shown).unwrap_or_default(),
        })).collect::<Vec<Value>>(),
    });
    if let (Some(history), Some(fields)) = (history, json.as_object_mut()) {
        let steps = history.iter().map(|step| {
            json!({
                "at": step.at.to_rfc3339(),
                "actor": step.actor,
                "event": step.event,
                "standing": step.standing.code(),
                "said": step.said,
            })
        });
        fields.insert("history".to_owned(), steps.collect());
    }
    json
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
