//! `portcullis access import`: who could relay before, as grants that are marked as unreviewed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use mail::{DomainPattern, Timestamp};
use registry::{Actor, Contact, Form, Kept, Role, Weight};
use serde_json::{Value, json};

use super::office::{Office, Refusal, remark};
use super::{Acting, Around, Common, Told, Trouble, day, request, told};
use crate::commands::queue::aligned;
use crate::commands::say_aside;
use crate::registrar::import::{self, Defaults, Format, Item, Left};
use crate::story::Printable;

/// Octets of a file at most.
const OCTETS_MAX: u64 = 256 << 20;

/// Arguments of `access import`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Import who could relay before: Postfix's mynetworks, access tables (the text, not the .db), cidr tables, \
        smtpd_sender_login_maps, or CSV with a line of names first. Each becomes a grant that serves at once, is marked as \
        unreviewed, and ends within --days. A review (access approve) makes it an ordinary one.\n\nWhat is a grant for \
        more than a machine, refuses, or proves nothing is not imported; each such line is told with the reason. What is \
        there already is passed over, so that an import can be run again. --dry-run tells what would become what, and keeps \
        nothing.\n\nA login of a table logs in under its case from then on, with a secret that `access rotate` \
        makes.\n\nStatus 1: something was not imported.",
    after_help = "Examples:\n  postconf mynetworks | portcullis access import - --requestor 'Ann <ann@example.edu>' \
        --dry-run\n  portcullis access import /etc/postfix/clients.cidr --requestor 'Ann <ann@example.edu>' --days 60\n  \
        portcullis access import devices.csv --requestor 'Ann <ann@example.edu>'"
)]
pub(super) struct Args {
    /// The file; - is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What it is. Default: what its name and its words say.
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Only tell what would become of each line.
    #[arg(long)]
    dry_run: bool,
    /// Days for which they serve without a review. Default: as [registry.terms] says, 90.
    #[arg(long, value_name = "N", conflicts_with = "until")]
    days: Option<u32>,
    /// The last day on which they serve without a review, in UTC.
    #[arg(long, value_name = "DATE", value_parser = day)]
    until: Option<Timestamp>,
    /// Who is asked about them, where a row names nobody.
    #[arg(long, value_name = "NAME <ADDRESS>", value_parser = request::contact)]
    requestor: Option<Contact>,
    /// Who sets them up. Default: the requestor.
    #[arg(long, value_name = "NAME <ADDRESS>", value_parser = request::contact)]
    technical: Option<Contact>,
    /// Who answers for them. Default: the requestor.
    #[arg(long, value_name = "NAME <ADDRESS>", value_parser = request::contact)]
    owner: Option<Contact>,
    /// Whose they are.
    #[arg(long, value_name = "TEXT", default_value = "not known")]
    department: String,
    /// Whom they may send as. Default: everybody of our own domains.
    #[arg(long = "from", value_name = "ADDRESS")]
    senders: Vec<String>,
    /// To whom: a domain, `any`, or `internal` for our own domains alone. Default: any, as before.
    #[arg(long = "to", value_name = "DOMAIN|any|internal")]
    recipients: Vec<String>,
    /// The department or customer whose cases they are.
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
    #[command(flatten)]
    acting: Acting,
    #[command(flatten)]
    pub(super) common: Common,
}

/// What becomes of an item.
enum Fate {
    /// This case; none where nothing is kept.
    Becomes(Option<Box<Kept>>),
    /// It is there already, as this.
    There(String),
    /// It cannot be, and why.
    Not(Vec<registry::Remark>),
}

pub(super) fn run(args: &Args, around: &Around) -> Result<Told, Trouble> {
    let mut office = Office::open(&args.common, around)?;
    let who = office.who(&args.acting)?;
    let actor = Actor::Human {
        role: if office.people.roles(&who).contains(&Role::Admin) {
            Role::Admin
        } else {
            office.people.roles(&who).first().copied().unwrap_or(Role::Requestor)
        },
        who,
    };
    let (name, text) = text(args)?;
    let format = match args.format {
        Some(format) => format,
        None => import::guess(&name, &text).map_err(|why| unusable(&name, why))?,
    };
    let read = import::read(format, &text, &defaults(args, &name, &office));
    let until = until(args, &office);
    let mut there = There::of(&mut office)?;
    let mut progress = Progress::of(read.items.len(), args.dry_run);
    let mut fates = Vec::new();
    for item in &read.items {
        progress.next();
        fates.push((item, one(item, args, until, &actor, &mut there, &mut office)?));
    }
    progress.end();
    Ok(told_all(&fates, &read.left, until, args.dry_run, &name))
}

fn unusable(name: &str, why: &str) -> Trouble {
    Refusal::new(format!("{name} cannot be imported: {why}"))
        .advise(
            "name the kind of file with --format, or write who relays as CSV: address, host, device, from, requestor",
        )
        .into()
}

fn text(args: &Args) -> Result<(String, String), Trouble> {
    if args.file.as_os_str() == "-" {
        let text = std::io::read_to_string(std::io::stdin().lock()).context("standard input cannot be read")?;
        return Ok(("standard input".to_owned(), text));
    }
    let name = args.file.display().to_string();
    let cannot = || format!("{name} cannot be read");
    if std::fs::metadata(&args.file).with_context(cannot)?.len() > OCTETS_MAX {
        return Err(Trouble::Failed(anyhow::anyhow!("{name} is larger than 256 MiB")));
    }
    let octets = std::fs::read(&args.file).with_context(cannot)?;
    let text = String::from_utf8(octets).map_err(|_| unusable(&name, "it is no text in UTF-8"))?;
    Ok((name, text))
}

fn until(args: &Args, office: &Office<'_>) -> Timestamp {
    let days = args.days.unwrap_or(office.settings.terms.imported);
    args.until
        .unwrap_or_else(|| office.now().plus(Duration::from_secs(86_400) * days))
}

/// What is said of everything that the file is silent about.
fn defaults(args: &Args, name: &str, office: &Office<'_>) -> Defaults {
    let organisation = &office.config.rulebook.organisation;
    let ours = organisation.domains.iter().map(|domain| match domain {
        DomainPattern::Exactly(domain) => format!("*@{domain}"),
        DomainPattern::Below(domain) => format!("*@*.{domain}"),
    });
    let requestor = args.requestor.clone().unwrap_or_default();
    let named = |mut contact: Contact| {
        if contact.name.is_empty() {
            contact.name.clone_from(&contact.email);
        }
        contact
    };
    let file = std::path::Path::new(name)
        .file_name()
        .map_or(name.into(), |name| name.to_string_lossy());
    Defaults {
        senders: if args.senders.is_empty() {
            ours.collect()
        } else {
            args.senders.clone()
        },
        recipients: match args.recipients.as_slice() {
            [] => vec!["any".to_owned()],
            [internal] if internal == "internal" => Vec::new(),
            some => some.to_vec(),
        },
        technical: named(args.technical.clone().unwrap_or_else(|| requestor.clone())),
        owner: args.owner.clone().map(named).unwrap_or_default(),
        requestor: named(requestor),
        department: args.department.clone(),
        purpose: format!("imported from {file}"),
        widest: office.settings.widest,
    }
}

/// What there is already.
struct There {
    addresses: BTreeMap<String, String>,
    logins: BTreeSet<(String, Vec<String>)>,
}

impl There {
    fn of(office: &mut Office<'_>) -> Result<Self, Trouble> {
        let all = office.desk.store().list(None).map_err(anyhow::Error::from)?;
        let live = || all.iter().filter(|kept| kept.case.state.is_live());
        let pinned = office.config.rulebook.grants.iter().flat_map(|grant| match &grant.by {
            policy::By::Address(networks) => {
                let all = networks.iter().map(|at| (at.to_string(), grant.name.to_string()));
                all.collect::<Vec<_>>()
            }
            _ => Vec::new(),
        });
        Ok(Self {
            addresses: live()
                .filter_map(|kept| Some((network(&kept.form)?, kept.id.to_string())))
                .chain(pinned)
                .collect(),
            logins: live()
                .map(|kept| (kept.form.purpose.clone(), kept.form.senders.clone()))
                .collect(),
        })
    }

    fn find(&self, form: &Form) -> Option<String> {
        match network(form) {
            Some(at) => self
                .addresses
                .get(&at)
                .map(|id| format!("{id} has this address already")),
            None => {
                let same = (form.purpose.clone(), form.senders.clone());
                self.logins.contains(&same).then(|| "it is imported already".to_owned())
            }
        }
    }

    fn add(&mut self, form: &Form, id: &str) {
        if let Some(at) = network(form) {
            self.addresses.insert(at, id.to_owned());
        } else {
            self.logins.insert((form.purpose.clone(), form.senders.clone()));
        }
    }
}

/// The network of a form, as one writes it that compares.
fn network(form: &Form) -> Option<String> {
    let text = form.address.trim();
    let at = text
        .parse::<std::net::IpAddr>()
        .map(ipnet::IpNet::from)
        .or_else(|_| text.parse())
        .ok()?;
    Some(policy::unmapped(at).to_string())
}

fn one(
    item: &Item,
    args: &Args,
    until: Timestamp,
    actor: &Actor,
    there: &mut There,
    office: &mut Office<'_>,
) -> Result<Fate, Trouble> {
    if let Some(said) = there.find(&item.form) {
        return Ok(Fate::There(said));
    }
    let now = office.now();
    let form = whole(&item.form, office, now);
    let (request, remarks) = office.desk.read_imported(&form, now);
    if request.is_none() {
        let blocking = remarks.into_iter().filter(|remark| remark.weight == Weight::Blocks);
        return Ok(Fate::Not(blocking.collect()));
    }
    there.add(&item.form, "an earlier line");
    if args.dry_run {
        return Ok(Fate::Becomes(None));
    }
    let scope = item
        .scope
        .as_deref()
        .or(args.scope.as_deref())
        .unwrap_or(&office.settings.scope);
    let kept = office.desk.import(scope, &form, until, actor, now);
    let (kept, _) = kept.map_err(|why| office.refused(why, None))?;
    Ok(Fate::Becomes(Some(Box::new(kept))))
}

/// The form, with as much mail a day as its kind may send where nothing is said: nobody measured it.
fn whole(form: &Form, office: &Office<'_>, now: Timestamp) -> Form {
    let mut form = form.clone();
    if form.volume.per_day > 0 {
        return form;
    }
    form.volume.per_day = 1;
    if let (Some(request), _) = office.desk.read_imported(&form, now) {
        form.volume.per_day = request.class.limits().messages_per_day;
    }
    form
}

fn told_all(fates: &[(&Item, Fate)], left: &[Left], until: Timestamp, dry_run: bool, name: &str) -> Told {
    let becomes = fates
        .iter()
        .filter(|(_, fate)| matches!(fate, Fate::Becomes(_)))
        .count();
    let there = fates.iter().filter(|(_, fate)| matches!(fate, Fate::There(_))).count();
    let not = fates.len() - becomes - there + left.len();
    let mut rows = vec![["LINE", "WHAT", "BECOMES", "WHY"].map(str::to_owned)];
    for (item, fate) in fates {
        let (outcome, why) = match fate {
            Fate::Becomes(Some(kept)) => (kept.id.to_string(), String::new()),
            Fate::Becomes(None) => ("a grant".to_owned(), as_what(item)),
            Fate::There(said) => ("-".to_owned(), said.clone()),
            Fate::Not(remarks) => {
                let said: Vec<String> = remarks
                    .iter()
                    .map(|one| format!("{} {}", one.field, one.said))
                    .collect();
                ("nothing".to_owned(), said.join("; "))
            }
        };
        rows.push([lines(&item.lines), shown(&item.shown), outcome, shown(&why)]);
    }
    for one in left {
        rows.push([
            one.line.to_string(),
            shown(&one.text),
            "nothing".to_owned(),
            format!("{}; {}", one.why, one.advice),
        ]);
    }
    // In the order of the file, below the head.
    if let Some(body) = rows.get_mut(1..) {
        body.sort_by_key(|[line, ..]| line.split(',').next().and_then(|line| line.parse::<u64>().ok()));
    }
    let verb = if dry_run { "would be imported" } else { "imported" };
    let mut text = aligned(&rows);
    text.push_str(&format!(
        "{}: {becomes} {verb}, {there} there already, {not} not.\n",
        Printable(name)
    ));
    if becomes > 0 {
        text.push_str(&format!(
            "Each serves until {} unless it is reviewed before: portcullis access list --unreviewed\n",
            until.to_date()
        ));
    }
    let json = json!({
        "dry_run": dry_run,
        "until": until.to_rfc3339(),
        "imported": becomes,
        "there": there,
        "left": not,
        "lines": fates.iter().map(|(item, fate)| fate_json(item, fate)).chain(left.iter().map(|one| json!({
            "lines": [one.line],
            "what": one.text,
            "becomes": null,
            "why": one.why,
            "do": one.advice,
        }))).collect::<Vec<Value>>(),
    });
    Told {
        status: u8::from(not > 0),
        ..Told::new(text, json)
    }
}

fn fate_json(item: &Item, fate: &Fate) -> Value {
    let mut one = json!({ "lines": item.lines, "what": item.shown });
    let (becomes, why, remarks) = match fate {
        Fate::Becomes(Some(kept)) => (told::case(kept, None), Value::Null, Vec::new()),
        Fate::Becomes(None) => (json!({ "form": item.form }), Value::Null, Vec::new()),
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

fn lines(lines: &[u64]) -> String {
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

/// Tells people at a terminal how far a long import is, on a line that is gone when it is done.
struct Progress {
    begun: Instant,
    told: Option<Duration>,
    done: usize,
    all: usize,
    watched: bool,
}

impl Progress {
    /// Work that takes no longer than this needs no word.
    const PATIENCE: Duration = Duration::from_millis(500);
    const EVERY: Duration = Duration::from_millis(200);
    const WIDTH: usize = 30;

    fn of(all: usize, dry_run: bool) -> Self {
        Self {
            begun: Instant::now(),
            told: None,
            done: 0,
            all,
            watched: !dry_run && std::io::stderr().is_terminal(),
        }
    }

    fn next(&mut self) {
        let passed = self.begun.elapsed();
        let due = self.told.map_or(Self::PATIENCE, |told| told + Self::EVERY);
        if self.watched && passed >= due {
            self.told = Some(passed);
            say_aside(&bar(self.done, self.all, passed));
        }
        self.done += 1;
    }

    fn end(self) {
        if self.told.is_some() {
            say_aside("\r\u{1b}[K");
        }
    }
}

/// `importing [######      ] 1200 of 3000, 12 s left`
fn bar(done: usize, all: usize, passed: Duration) -> String {
    let width = Progress::WIDTH;
    let full = (width * done).checked_div(all).unwrap_or(width).min(width);
    let left = match u32::try_from(done) {
        Ok(0) | Err(_) => String::new(),
        Ok(count) => {
            let each = passed / count;
            let secs = each
                .saturating_mul(u32::try_from(all - done.min(all)).unwrap_or(u32::MAX))
                .as_secs();
            format!(", {secs} s left")
        }
    };
    format!(
        "\r  importing [{}{}] {done} of {all}{left} ",
        "#".repeat(full),
        " ".repeat(width - full)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_says_how_far_it_is_and_how_long_it_takes_yet() {
        let half = bar(50, 100, Duration::from_secs(10));
        assert_eq!(
            half,
            format!(
                "\r  importing [{}{}] 50 of 100, 10 s left ",
                "#".repeat(15),
                " ".repeat(15)
            )
        );
        assert!(bar(0, 100, Duration::from_secs(1)).contains("] 0 of 100 "));
        assert!(bar(100, 100, Duration::from_secs(1)).contains(&"#".repeat(30)));
    }
}
