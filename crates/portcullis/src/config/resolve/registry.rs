//! The registry of grants: where it is kept, and what it is measured by.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use policy::Organisation;
use registry::{Calendar, Person, PostgresOptions, Role, Terms, Widest};

use super::desk::{Desk, value, values};
use super::organisation::is_ours;
use super::{attestation, certificates};
use crate::config::file::{self, At, Count, List, Maybe, Text};
use crate::config::{
    AnswersSettings, CertificateFiles, DatabaseSettings, NetworkFiles, Problem, RegistryPlace, RegistrySettings,
};

/// Days that a term may have: ten years are for ever.
const DAYS: RangeInclusive<u32> = 1..=3_660;
/// Octets of a scope at most: it stands in lists.
const SCOPE_OCTETS_MAX: usize = 64;

/// The registry, where there is one. `spool` is the queue's folder; by default it lies beside. Pages that others than this
/// machine see need certificates.
pub(super) fn resolve(
    written: &Maybe<file::Registry>,
    spool: &Path,
    organisation: &Organisation,
    certificates: &[CertificateFiles],
    desk: &mut Desk<'_>,
) -> Option<RegistrySettings> {
    let written = written.as_ref()?;
    let place = place(written, spool, desk);
    let scope = scope(&written.scope, desk);
    Some(RegistrySettings {
        attestation: attestation::day(written, desk),
        heads: attestation::heads(&written.heads, &scope, organisation, desk),
        place,
        scope,
        network: network(written, desk),
        device_zone: words(&written.device_zone, "this names no zone", desk),
        widest: widest(&written.widest, desk),
        terms: terms(&written.terms, desk),
        calendar: calendar(written, desk),
        roles: roles(written, organisation, desk),
        post: post(&written.post, organisation, desk),
        letters: letters(&written.letters, desk),
        answers: answers(&written.answers, certificates, desk),
    })
}

fn post(
    written: &Maybe<Text<mail::Mailbox>>,
    organisation: &Organisation,
    desk: &mut Desk<'_>,
) -> Option<mail::Mailbox> {
    let written = written.as_ref()?;
    let domain = written.domain().cloned().map(mail::DomainPattern::Exactly);
    if !domain.is_some_and(|domain| is_ours(&organisation.domains, &domain)) {
        desk.say(
            Problem::error(written.span(), format!("{} is not in a domain of ours", ***written))
                .why("what answers a letter, or comes back, would not come through this gate")
                .advise("name a mailbox of ours that people read"),
        );
    }
    value(&Some(written.clone()))
}

/// Words that cannot be used would be found when somebody is to be told something: they are tried before.
fn letters(written: &Maybe<PathBuf>, desk: &mut Desk<'_>) -> Option<PathBuf> {
    let written = written.as_ref()?;
    let folder = desk.path(written);
    if !folder.is_dir() {
        desk.say(
            Problem::error(written.span(), "this folder is not there").advise(format!(
                "`portcullis access letters --write {}` makes it, with the built-in words to begin from",
                written.display()
            )),
        );
    } else if let Err(problems) = crate::config::letters::read(&folder) {
        problems.into_iter().for_each(|problem| desk.say(problem));
    }
    Some(folder)
}

fn place(written: &file::Registry, spool: &Path, desk: &mut Desk<'_>) -> RegistryPlace {
    let file = kept_in(&written.file, spool, desk);
    let Some(database) = &written.database else {
        for (beside, name) in [
            (&written.password_file, "password_file"),
            (&written.database_ca, "database_ca"),
        ] {
            if let Some(beside) = beside {
                desk.say(
                    Problem::error(
                        beside.span(),
                        format!("registry.{name} is for a database, and none is named"),
                    )
                    .advise("add `database = \"postgresql://...\"`, or take this out"),
                );
            }
        }
        return RegistryPlace::File(file);
    };
    if let Some(both) = &written.file {
        desk.say(
            Problem::error(
                both.span(),
                "a registry is kept in a file or in a database, not in both",
            )
            .why("who reads one of them would not know what was decided in the other")
            .advise("take this out, or `database`"),
        );
    }
    // Its line is not shown: a password may stand in it.
    match PostgresOptions::read(&database.get().0) {
        Ok(options) => RegistryPlace::Database(Box::new(DatabaseSettings {
            password_file: written.password_file.as_ref().map(|file| needed(file, desk)),
            ca: written.database_ca.as_ref().map(|file| needed(file, desk)),
            options: unhidden(options, desk),
        })),
        Err(why) => {
            desk.say(
                Problem::error(None, format!("registry.database: {why}"))
                    .advise("write `database = \"postgresql://user@host:port/database\"`"),
            );
            RegistryPlace::File(file)
        }
    }
}

fn needed(written: &At<PathBuf>, desk: &mut Desk<'_>) -> PathBuf {
    certificates::contents(written, desk);
    desk.path(written)
}

fn unhidden(options: PostgresOptions, desk: &mut Desk<'_>) -> PostgresOptions {
    if options.has_password() {
        desk.say(
            Problem::warning(None, "the password of registry.database stands in this file")
                .why("the file is kept with each generation, and shown to whoever compares them")
                .advise("write it into a file of its own and name that in `password_file`"),
        );
    }
    options
}

fn kept_in(written: &Maybe<PathBuf>, spool: &Path, desk: &mut Desk<'_>) -> PathBuf {
    let Some(written) = written else {
        return spool.parent().unwrap_or(Path::new("/")).join("registry.sqlite");
    };
    let path = desk.path(written);
    if path.is_dir() {
        desk.say(Problem::error(written.span(), "this is a folder").advise("name a file in it"));
    } else if path.starts_with(spool) {
        desk.say(
            Problem::error(written.span(), "the registry cannot live in the spool's folder")
                .advise("let it lie beside"),
        );
    }
    path
}

fn scope(written: &Maybe<String>, desk: &mut Desk<'_>) -> Box<str> {
    let scope = words(written, "this names no department or customer", desk);
    if let (Some(at), Some(scope)) = (written, &scope)
        && scope.len() > SCOPE_OCTETS_MAX
    {
        desk.say(Problem::error(
            at.span(),
            format!("a scope has at most {SCOPE_OCTETS_MAX} octets"),
        ));
    }
    scope.unwrap_or_else(|| "default".into())
}

fn answers(
    written: &Maybe<file::Answers>,
    certificates: &[CertificateFiles],
    desk: &mut Desk<'_>,
) -> Option<AnswersSettings> {
    let written = written.as_ref()?;
    if written.listen.is_empty() {
        desk.say(
            Problem::error(written.span(), "the pages for answers listen nowhere")
                .advise("write `listen`, as in [\"127.0.0.1:8080\"]"),
        );
    }
    for at in written.listen.iter().filter(|at| !AnswersSettings::is_plain(****at)) {
        if certificates.is_empty() {
            desk.say(
                Problem::error(
                    at.span(),
                    "these pages show secrets, and there is no certificate to show them under",
                )
                .advise("name one in `certificates` of [tls], or listen at loopback behind a web server that has one"),
            );
        }
    }
    let Some(url) = &written.url else {
        desk.say(
            Problem::error(written.span(), "it is not said how people reach these pages")
                .why("links in letters begin with it")
                .advise("write `url`, as in \"https://relay.example.edu\""),
        );
        return None;
    };
    let bare = url.trim().trim_end_matches('/');
    let host = bare.strip_prefix("https://").unwrap_or_default();
    let is_plain = host
        .bytes()
        .all(|octet| octet.is_ascii_graphic() && !matches!(octet, b'?' | b'#' | b'<' | b'>' | b'"'));
    if host.is_empty() || !is_plain {
        desk.say(
            Problem::error(url.span(), format!("{:?} is no address of pages", url.get()))
                .why("who follows a link is shown a secret, or signs: only https keeps that to them")
                .advise("write it as in \"https://relay.example.edu\""),
        );
    }
    Some(AnswersSettings {
        listen: values(&written.listen),
        url: bare.to_owned(),
        certificates: certificates.to_vec(),
    })
}

/// Words that say something, where they were written.
fn words(written: &Maybe<String>, empty: &str, desk: &mut Desk<'_>) -> Option<Box<str>> {
    let written = written.as_ref()?;
    if written.trim().is_empty() {
        desk.say(Problem::error(written.span(), empty).label("this says nothing"));
        return None;
    }
    Some(written.trim().into())
}

/// Files of others: one that is not there today may be there tomorrow, and what it would say is unknown until then.
fn network(written: &file::Registry, desk: &mut Desk<'_>) -> NetworkFiles {
    let mut one = |written: &At<PathBuf>, what: &str| {
        let path = desk.path(written);
        if !path.is_file() {
            desk.say(
                Problem::warning(written.span(), format!("{what} is not there"))
                    .why("what is not known opens nothing: no grant is set up until it can be read")
                    .advise("correct the path, or see why its keepers do not write it"),
            );
        }
        path
    };
    NetworkFiles {
        register: written
            .register
            .as_ref()
            .map(|file| one(file, "the register of addresses")),
        dhcp: written
            .dhcp
            .iter()
            .map(|file| one(file, "this configuration of DHCP"))
            .collect(),
        zones: written.zones.as_ref().map(|file| one(file, "the table of zones")),
        sightings: written
            .sightings
            .as_ref()
            .map(|file| one(file, "the table of what was seen where")),
        scan: written.scan.as_ref().map(|file| one(file, "the scan from outside")),
        people: written
            .people
            .as_ref()
            .map(|file| one(file, "the export of the directory")),
    }
}

fn widest(written: &file::WidestPrefix, desk: &mut Desk<'_>) -> Widest {
    let mut bits = |written: &Count, usual: u8, range: RangeInclusive<u32>| {
        let Some(written) = written else { return usual };
        if !range.contains(written) {
            desk.say(
                Problem::error(
                    written.span(),
                    format!("this is not a prefix from {} to {}", range.start(), range.end()),
                )
                .why("a grant is for one machine, or for a small farm of them"),
            );
        }
        u8::try_from(**written).unwrap_or(usual)
    };
    let usual = Widest::default();
    Widest {
        v4: bits(&written.v4, usual.v4, 24..=32),
        v6: bits(&written.v6, usual.v6, 64..=128),
    }
}

fn terms(written: &file::Terms, desk: &mut Desk<'_>) -> Terms {
    let mut terms = Terms::default();
    for (written, days) in [
        (&written.draft, &mut terms.draft),
        (&written.network, &mut terms.network),
        (&written.idle, &mut terms.idle),
        (&written.idle_over, &mut terms.idle_over),
        (&written.grace, &mut terms.grace),
        (&written.orphan, &mut terms.orphan),
        (&written.drift_hours, &mut terms.drift_hours),
        (&written.imported, &mut terms.imported),
        (&written.longest, &mut terms.longest),
        (&written.longest_by_risk.low, &mut terms.longest_by_risk.0),
        (&written.longest_by_risk.medium, &mut terms.longest_by_risk.1),
        (&written.longest_by_risk.high, &mut terms.longest_by_risk.2),
    ] {
        if let Some(written) = written {
            in_range(written, desk);
            *days = **written;
        }
    }
    let upwards = Order::Upwards;
    if let Some(all) = several(&written.information, upwards, desk) {
        terms.information = all.into();
    }
    if let Some(all) = several(&written.head_business, upwards, desk) {
        terms.head_business = all.into();
    }
    if let Some(all) = several(&written.unused, upwards, desk) {
        terms.unused = all.into();
    }
    if let Some(all) = several(&written.idle_answer, upwards, desk) {
        terms.idle_answer = all.into();
    }
    if let Some(all) = several(&written.attestation, upwards, desk) {
        terms.attestation = all.into();
    }
    if let Some(all) = several(&written.end_nears, Order::Downwards, desk) {
        terms.end_nears = all;
    }
    terms
}

fn in_range(written: &At<u32>, desk: &mut Desk<'_>) {
    if !DAYS.contains(written) {
        desk.say(Problem::error(
            written.span(),
            format!("this is not a number from {} to {}", DAYS.start(), DAYS.end()),
        ));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Upwards,
    Downwards,
}

/// Exactly so many numbers, in this order.
fn several<const N: usize>(written: &Option<At<Vec<At<u32>>>>, order: Order, desk: &mut Desk<'_>) -> Option<[u32; N]> {
    let written = written.as_ref()?;
    written.iter().for_each(|one| in_range(one, desk));
    let days: Vec<u32> = written.iter().map(|one| **one).collect();
    let Ok(all) = <[u32; N]>::try_from(days) else {
        desk.say(
            Problem::error(
                written.span(),
                format!("this has {} numbers, and should have {N}", written.len()),
            )
            .advise("take it out to see the default in `portcullis schema`"),
        );
        return None;
    };
    let in_order = match order {
        Order::Upwards => all.is_sorted_by(|one, next| one < next),
        Order::Downwards => all.is_sorted_by(|one, next| one > next),
    };
    if !in_order {
        let way = if order == Order::Upwards { "grow" } else { "shrink" };
        desk.say(Problem::error(
            written.span(),
            format!("these numbers have to {way}, each step behind the one before"),
        ));
    }
    Some(all)
}

fn calendar(written: &file::Registry, desk: &mut Desk<'_>) -> Calendar {
    let zone = match &written.time_zone {
        None => TimeZone::UTC,
        Some(name) => TimeZone::get(name).unwrap_or_else(|_| {
            desk.say(
                Problem::error(name.span(), format!("this machine knows no time zone {:?}", name.get()))
                    .advise("write it as in Europe/Berlin; the names stand in /usr/share/zoneinfo"),
            );
            TimeZone::UTC
        }),
    };
    Calendar::new(zone, written.holidays.iter().map(|day| day.date()))
}

fn roles(written: &At<file::Registry>, organisation: &Organisation, desk: &mut Desk<'_>) -> Vec<(Role, Person)> {
    let file::Roles {
        admin,
        security,
        help_desk,
        network,
    } = &written.roles;
    for (list, key, without) in [
        (admin, "admin", "nobody can approve, set up or suspend a grant"),
        (security, "security", "nobody can decide about an exception"),
    ] {
        if list.is_empty() && !desk.is_spoiled(&["registry", "roles", key]) {
            desk.say(
                Problem::warning(written.span(), format!("registry.roles names nobody for `{key}`"))
                    .why(without)
                    .advise(format!("add `{key} = [\"...\"]` to [registry.roles]")),
            );
        }
    }
    for both in security
        .iter()
        .filter(|one| admin.iter().any(|admin| is_same(admin, one)))
    {
        desk.say(
            Problem::warning(both.span(), format!("{} is administrator as well", ***both))
                .why("who looks whether a request is complete should not be the one who decides about its risk")
                .advise("give one of the roles to somebody else"),
        );
    }
    let mut roles = Vec::new();
    for (role, list) in [
        (Role::Admin, admin),
        (Role::Security, security),
        (Role::HelpDesk, help_desk),
        (Role::Network, network),
    ] {
        strangers(list, organisation, desk);
        roles.extend(list.iter().map(|one| (role, Person::new(&one.to_string()))));
    }
    roles
}

fn is_same(one: &mail::Mailbox, other: &mail::Mailbox) -> bool {
    one.to_string().eq_ignore_ascii_case(&other.to_string())
}

fn strangers(list: &List<mail::Mailbox>, organisation: &Organisation, desk: &mut Desk<'_>) {
    for one in list {
        let ours = one
            .domain()
            .is_some_and(|domain| is_ours(&organisation.domains, &mail::DomainPattern::Exactly(domain.clone())));
        if !ours {
            desk.say(
                Problem::warning(one.span(), format!("{} is not in a domain of ours", ***one))
                    .why("whoever reads that mailbox decides who may relay"),
            );
        }
    }
}
