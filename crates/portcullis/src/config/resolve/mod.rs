//! The resolved layer: what the file means, and everything that is wrong with it.
//!
//! One file per section. Each takes what was written and gives what its room needs; whatever is missing,
//! contradictory or unwise is noted on the [`Desk`] and the reading goes on, so that one check says it all.

mod attestation;
mod authorities;
mod certificates;
mod desk;
mod directory;
mod exceptions;
mod forwards;
mod grants;
mod identities;
mod intent;
mod listeners;
mod organisation;
mod registry;
mod routes;
mod secrets;
mod service;
mod timeouts;
mod tokens;

use std::path::Path;

use policy::{Conflict, Generation, Rulebook, Snapshot};

use super::file::{File, Maybe, Read};
use super::{Change, Config, Machine, Problem, Source};
use desk::{Desk, in_order};

/// The version of the format.
const VERSION: u32 = 1;

/// Gives a meaning to what was read. The configuration is worth something only where no problem is an error.
#[must_use]
pub fn resolve(source: &Source, read: Read, folder: &Path, machine: &Machine) -> (Vec<Problem>, Option<Config>) {
    let mut desk = Desk::new(source, machine, folder, &read);
    let file = &read.file;
    version(file, &mut desk);
    let change = change(&file.change, &mut desk);
    let (organisation, hostname) = organisation::resolve(&file.organisation, &mut desk);
    let zones = organisation::zones(&file.zones, &mut desk);
    let mut rulebook = Rulebook {
        organisation,
        zones,
        ..Rulebook::default()
    };
    rulebook.intent.bounds = intent::bounds(file, &mut desk);
    let gates = listeners::resolve(file, hostname.as_ref(), &mut rulebook, &mut desk);
    let routes = routes::resolve(file, &gates, hostname.as_ref(), &mut rulebook, &mut desk);
    forwards::resolve(&file.forwards, &mut rulebook, &mut desk);
    let vouching = identities::resolve(file, &mut desk);
    let logins = grants::resolve(file, &vouching, &mut rulebook, &mut desk);
    rulebook.intent.assertions = intent::assertions(file, &rulebook, &mut desk);
    let limits = service::limits(&file.limits, &mut desk);
    let timeouts = timeouts::timeouts(&file.timeouts, &mut desk);
    let delivery = service::delivery(&file.delivery, &mut desk);
    let (spool, ledger) = service::storage(&file.spool, &file.ledger, &mut desk);
    let registry = self::registry::resolve(
        &file.registry,
        &spool.dir,
        &rulebook.organisation,
        &gates.certificates,
        &mut desk,
    );
    let dns = service::dns(&file.dns);
    let log = service::log(&file.log);
    conflicts(file, &rulebook, source, &mut desk);
    let config = hostname.map(|hostname| Config {
        change,
        hash: source.hash(),
        hostname,
        rulebook,
        logins,
        vouching,
        listeners: gates.listeners,
        health: gates.health,
        routes,
        delivery,
        limits,
        timeouts,
        spool,
        ledger,
        registry,
        dns,
        log,
    });
    (desk.finish(), config)
}

fn version(file: &File, desk: &mut Desk<'_>) {
    match &file.version {
        Some(version) if **version != VERSION => desk.say(
            Problem::error(version.span(), format!("version {} is not known here", **version))
                .why("another version may mean other things by the same words")
                .advise("write `version = 1`, and see whether everything still means what you want"),
        ),
        None if !desk.is_spoiled(&["version"]) => desk.say(
            Problem::error(None, "the file does not say in which version it is written")
                .advise("begin it with `version = 1`"),
        ),
        _ => {}
    }
}

fn change(written: &Maybe<super::file::Change>, desk: &mut Desk<'_>) -> Option<Change> {
    let written = written.as_ref()?;
    let at = written.span();
    let why = "the ledger keeps who changed what, and why";
    let author = desk.words(
        &["change", "author"],
        &written.author,
        &at,
        "the change has no author",
        why,
    );
    let reason = desk.words(
        &["change", "reason"],
        &written.reason,
        &at,
        "the change has no reason",
        why,
    );
    Some(Change {
        author: author?.to_owned(),
        reason: reason?.to_owned(),
    })
}

/// What only shows when everything is put together. Routes have been compared already, with better places.
fn conflicts(file: &File, rulebook: &Rulebook, source: &Source, desk: &mut Desk<'_>) {
    let found = match Snapshot::build(rulebook.clone(), Generation(0), 0) {
        Ok(_) => return,
        Err(found) => found,
    };
    for Conflict { what, place, other } in found {
        if rulebook.routes.iter().any(|route| route.place == place) {
            continue;
        }
        let span_of = |place| {
            in_order(&file.grants).into_iter().find_map(|(name, grant)| {
                let by = grant.by.as_ref().map_or(name.span(), super::file::At::span);
                (source.place(name.span().start) == place).then_some(by)
            })
        };
        let (what, advice) = what
            .split_once("; ")
            .unwrap_or((&what, "give each grant a client of its own"));
        let mut problem = Problem::error(span_of(place), what)
            .label("claimed here again")
            .why("a client has at most one grant, never several added up")
            .advise(advice);
        if let Some(at) = other.and_then(span_of) {
            problem = problem.also(at, "the other one");
        }
        desk.say(problem);
    }
}
