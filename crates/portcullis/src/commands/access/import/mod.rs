//! `portcullis access import`: who could relay before, as grants that are marked as unreviewed.

mod fates;
mod handover;
mod progress;
mod there;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use mail::{DomainPattern, Timestamp};
use registry::{Actor, Contact, Form, NotImported, Role, Weight};

use super::office::{Office, Refusal};
use super::{Acting, Around, Common, Told, Trouble, day, request};
use crate::registrar::import::{self, Defaults, Format, Item};
use fates::{Fate, Fates, lines};
use handover::{Handover, Secrets};
use progress::Progress;
use there::There;

/// Cases that are kept in one transaction: enough that the disk is seldom waited for, and no gate has to wait for long.
const TOGETHER: usize = 250;

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
        nothing.\n\nA login of a table logs in under its case from then on. It keeps its secret where --passwords names a file \
        in which this stands as Argon2id or SCRAM-SHA-256 (`login:{SCHEME}hash`, a line each); any other needs a new one, \
        which `access rotate` shows, or which its technical contact fetches by a letter's link with --links.\n\nStatus 1: something was not imported.",
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
    /// What the secrets of a table's logins are checked by until now: a line each, `login:{SCHEME}hash`.
    #[arg(long, value_name = "FILE")]
    passwords: Option<PathBuf>,
    /// Write to the technical contact of each login that needs a new secret, with a link to fetch it by.
    #[arg(long)]
    links: bool,
    #[command(flatten)]
    acting: Acting,
    #[command(flatten)]
    pub(super) common: Common,
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
    let secrets = Secrets::of(args)?;
    let mut there = There::of(&mut office)?;
    let mut fates = Vec::with_capacity(read.items.len());
    let mut new = Vec::new();
    for item in &read.items {
        let fate = decide(item, &mut there, &office);
        if let Decided::New(form) = &fate {
            new.push((item, form.clone(), fates.len()));
        }
        let handover = secrets.of_login(item);
        fates.push((item, Fate::of(fate, handover)));
    }
    if !args.dry_run {
        let import = Import {
            args,
            until,
            actor: &actor,
            secrets: &secrets,
        };
        import.keep(&new, &mut fates, &mut office)?;
    }
    let fates = Fates {
        name: &name,
        of: &fates,
        left: &read.left,
        until,
        dry_run: args.dry_run,
    };
    Ok(fates.told())
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

/// What is to become of an item.
enum Decided {
    New(Box<Form>),
    There(String),
    Not(Vec<registry::Remark>),
}

impl Fate {
    fn of(decided: Decided, handover: Option<Handover>) -> Self {
        match decided {
            Decided::New(_) => Self::Becomes(None, handover),
            Decided::There(said) => Self::There(said),
            Decided::Not(remarks) => Self::Not(remarks),
        }
    }
}

fn decide(item: &Item, there: &mut There, office: &Office<'_>) -> Decided {
    if let Some(said) = there.find(&item.form) {
        return Decided::There(said);
    }
    let now = office.now();
    let form = whole(&item.form, office, now);
    let (request, remarks) = office.desk.read_imported(&form, now);
    if request.is_none() {
        let blocking = remarks.into_iter().filter(|remark| remark.weight == Weight::Blocks);
        return Decided::Not(blocking.collect());
    }
    there.add(&item.form, "an earlier line");
    Decided::New(Box::new(form))
}

/// Those that are new, each with its place among all fates.
type New<'a> = (&'a Item, Box<Form>, usize);

/// What holds for all that is imported.
struct Import<'a> {
    args: &'a Args,
    until: Timestamp,
    actor: &'a Actor,
    secrets: &'a Secrets,
}

impl Import<'_> {
    /// Keeps what is new, many at a time.
    fn keep(&self, new: &[New<'_>], fates: &mut [(&Item, Fate)], office: &mut Office<'_>) -> Result<(), Trouble> {
        let mut progress = Progress::of(new.len());
        let usual = office.settings.scope.clone();
        let mut kept_before = 0;
        for together in new.chunks(TOGETHER) {
            let scope = |item: &'_ Item| {
                item.scope
                    .clone()
                    .or(self.args.scope.clone())
                    .unwrap_or_else(|| usual.to_string())
            };
            let scopes: Vec<String> = together.iter().map(|(item, ..)| scope(item)).collect();
            let rows = scopes.iter().zip(together);
            let asks = |item: &Item| matches!(self.secrets.of_login(item), Some(Handover::Linked));
            let rows: Vec<(&str, &Form, bool)> = rows
                .map(|(scope, (item, form, _))| (scope.as_str(), &**form, asks(item)))
                .collect();
            let kept = office.desk.import_all(&rows, self.until, self.actor, office.around.now);
            let kept = kept.map_err(|not| not_kept(not, together, kept_before, office))?;
            for (kept, (item, _, place)) in kept.into_iter().zip(together) {
                self.secrets.hand_over(item, &kept, self.actor, office)?;
                if let Some((_, fate)) = fates.get_mut(*place) {
                    *fate = Fate::Becomes(Some(Box::new(kept)), self.secrets.of_login(item));
                }
            }
            kept_before += together.len();
            progress.advance(together.len());
        }
        progress.end();
        Ok(())
    }
}

/// Says at which line it ended, and what was kept before.
fn not_kept(not: NotImported, together: &[New<'_>], kept_before: usize, office: &Office<'_>) -> Trouble {
    let whole = |item: &Item| lines(&item.lines);
    let at = match not.number.and_then(|number| together.get(number)) {
        Some((item, ..)) if item.lines.len() == 1 => format!("line {}", whole(item)),
        Some((item, ..)) => format!("lines {}", whole(item)),
        None => {
            let ends = together.first().zip(together.last());
            ends.map(|((first, ..), (last, ..))| format!("lines {} to {}", whole(first), whole(last)))
                .unwrap_or_default()
        }
    };
    let before = match kept_before {
        0 => "nothing was imported".to_owned(),
        count => format!("{count} were imported before, and an import that is run again passes over them"),
    };
    match office.refused(not.why, None) {
        Trouble::Refused(refusal) => refusal.at(&at, &before).into(),
        Trouble::Failed(why) => Trouble::Failed(why.context(format!("{at}: {before}"))),
    }
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
