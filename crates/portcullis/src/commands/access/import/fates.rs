//! What became of each line, for people and for programs.

use mail::Timestamp;
use registry::{Kept, Remark};
use serde_json::{Value, json};

use super::super::office::remark;
use super::super::{Told, told};
use super::handover::Handover;
use crate::commands::queue::aligned;
use crate::registrar::import::{Item, Left};
use crate::story::Printable;

/// What becomes of an item.
pub(super) enum Fate {
    /// This case; none where nothing is kept. And what becomes of its secret, where it had a login.
    Becomes(Option<Box<Kept>>, Option<Handover>),
    /// It is there already, as this.
    There(String),
    /// It cannot be, and why.
    Not(Vec<Remark>),
}

/// What became of a file.
pub(super) struct Fates<'a> {
    pub(super) name: &'a str,
    pub(super) of: &'a [(&'a Item, Fate)],
    pub(super) left: &'a [Left],
    pub(super) until: Timestamp,
    pub(super) dry_run: bool,
}

impl Fates<'_> {
    pub(super) fn told(&self) -> Told {
        let count = |which: fn(&Fate) -> bool| self.of.iter().filter(|(_, fate)| which(fate)).count();
        let becomes = count(|fate| matches!(fate, Fate::Becomes(..)));
        let there = count(|fate| matches!(fate, Fate::There(_)));
        let not = self.of.len() - becomes - there + self.left.len();
        let verb = if self.dry_run { "would be imported" } else { "imported" };
        let mut text = aligned(&self.table());
        text.push_str(&format!(
            "{}: {becomes} {verb}, {there} there already, {not} not.\n",
            Printable(self.name)
        ));
        text.push_str(&self.of_secrets());
        if becomes > 0 {
            text.push_str(&format!(
                "Each serves until {} unless it is reviewed before: portcullis access list --unreviewed\n",
                self.until.to_date()
            ));
        }
        let lines = self.of.iter().map(|(item, fate)| fate_json(item, fate));
        let json = json!({
            "dry_run": self.dry_run,
            "until": self.until.to_rfc3339(),
            "imported": becomes,
            "there": there,
            "left": not,
            "lines": lines.chain(self.left.iter().map(left_json)).collect::<Vec<Value>>(),
        });
        Told {
            status: u8::from(not > 0),
            ..Told::new(text, json)
        }
    }

    /// What becomes of the secrets of logins, where there are any.
    fn of_secrets(&self) -> String {
        let all = || {
            self.of.iter().filter_map(|(_, fate)| match fate {
                Fate::Becomes(_, handover) => handover.as_ref(),
                Fate::There(_) | Fate::Not(_) => None,
            })
        };
        let count = |which: fn(&Handover) -> bool| all().filter(|one| which(one)).count();
        let kept = count(|one| matches!(one, Handover::Kept(_)));
        let linked = count(|one| matches!(one, Handover::Linked));
        let needed = count(|one| matches!(one, Handover::Needed(_)));
        if kept + linked + needed == 0 {
            return String::new();
        }
        format!(
            "Secrets of logins: {kept} kept, {linked} to be fetched by a link, {needed} to be made by portcullis access rotate \
             CASE\n"
        )
    }

    fn table(&self) -> Vec<[String; 4]> {
        let items = self.of.iter().map(|(item, fate)| item_row(item, fate));
        let mut rows: Vec<[String; 4]> = items.chain(self.left.iter().map(left_row)).collect();
        // In the order of the file.
        rows.sort_by_key(|[line, ..]| line.split(',').next().and_then(|line| line.parse::<u64>().ok()));
        rows.insert(0, ["LINE", "WHAT", "BECOMES", "WHY"].map(str::to_owned));
        rows
    }
}

fn item_row(item: &Item, fate: &Fate) -> [String; 4] {
    let (outcome, why) = match fate {
        Fate::Becomes(Some(kept), handover) => {
            let said = handover.as_ref().map(|handover| handover.of_case(kept.id));
            (kept.id.to_string(), said.unwrap_or_default())
        }
        Fate::Becomes(None, handover) => {
            let said = handover.as_ref().map(|handover| format!("; {handover}"));
            (
                "a grant".to_owned(),
                format!("{}{}", as_what(item), said.unwrap_or_default()),
            )
        }
        Fate::There(said) => ("-".to_owned(), said.clone()),
        Fate::Not(remarks) => {
            let said: Vec<String> = remarks
                .iter()
                .map(|one| format!("{} {}", one.field, one.said))
                .collect();
            ("nothing".to_owned(), said.join("; "))
        }
    };
    [lines(&item.lines), shown(&item.shown), outcome, shown(&why)]
}

fn left_row(left: &Left) -> [String; 4] {
    [
        left.line.to_string(),
        shown(&left.text),
        "nothing".to_owned(),
        format!("{}; {}", left.why, left.advice),
    ]
}

fn left_json(left: &Left) -> Value {
    json!({
        "lines": [left.line],
        "what": left.text,
        "becomes": null,
        "why": left.why,
        "do": left.advice,
    })
}

fn fate_json(item: &Item, fate: &Fate) -> Value {
    let mut one = json!({ "lines": item.lines, "what": item.shown });
    let (becomes, why, remarks) = match fate {
        Fate::Becomes(Some(kept), _) => (told::case(kept, None), Value::Null, Vec::new()),
        Fate::Becomes(None, _) => (json!({ "form": item.form }), Value::Null, Vec::new()),
        Fate::There(said) => (Value::Null, said.as_str().into(), Vec::new()),
        Fate::Not(remarks) => (
            Value::Null,
            "the form has to be put right".into(),
            remarks.iter().map(remark).collect(),
        ),
    };
    if let Some(fields) = one.as_object_mut() {
        fields.insert("becomes".to_owned(), becomes);
        fields.insert("why".to_owned(), why);
        fields.insert("remarks".to_owned(), remarks.into());
        if let Fate::Becomes(_, Some(handover)) = fate {
            fields.insert("secret".to_owned(), handover.to_string().into());
        }
    }
    one
}

/// What it would be, in short.
fn as_what(item: &Item) -> String {
    let to = if item.form.recipients.is_empty() {
        "our own domains".to_owned()
    } else {
        item.form.recipients.join(", ")
    };
    format!("as {} to {to}", item.form.senders.join(", "))
}

/// `3,5`
pub(super) fn lines(lines: &[u64]) -> String {
    let all: Vec<String> = lines.iter().map(u64::to_string).collect();
    all.join(",")
}

/// In one line of a table.
fn shown(text: &str) -> String {
    const CHARS: usize = 100;
    let clean = Printable(text).to_string();
    if clean.chars().count() <= CHARS {
        return clean;
    }
    clean.chars().take(CHARS - 1).chain(['…']).collect()
}
