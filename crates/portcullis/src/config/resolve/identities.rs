//! Who vouches for clients beside us.

use std::collections::BTreeMap;
use std::path::Path;

use policy::Name;

use super::desk::{Desk, in_order};
use crate::config::Problem;
use crate::config::file::{self, At, File, Words};
use crate::identities::{Algorithm, DirectorySettings, IssuerSettings, KeySource, LOGIN, Place, Rules, Vouching};

/// The claim that names a login, where nothing is said.
const LOGIN_CLAIM: &str = "sub";

/// Resolves who vouches for clients beside us.
pub(super) fn resolve(file: &File, desk: &mut Desk<'_>) -> Vouching {
    Vouching {
        issuers: issuers(file, desk),
        directory: directory(file, desk),
    }
}

fn directory(file: &File, desk: &mut Desk<'_>) -> Option<DirectorySettings> {
    let written = file.identities.directory.as_ref()?;
    let path = |key: &'static str| ["identities", "directory", key];
    let at = written.span();
    let why = "nobody could be asked";
    let url = desk.need(&path("url"), &written.url, &at, "the directory has no url", why);
    let why = "a login has to become a name in the directory";
    let bind = desk.need(
        &path("bind"),
        &written.bind,
        &at,
        "the directory has no name to bind as",
        why,
    );
    let place = url.and_then(|url| {
        let place = Place::directory(url);
        if place.is_none() {
            desk.say(
                Problem::error(url.span(), "passwords are not sent there")
                    .why("whoever is in between could read them")
                    .advise("write an address that begins with ldaps:// and has no path"),
            );
        }
        place
    });
    let bind = bind.filter(|bind| {
        let once = bind.matches(LOGIN).count() == 1;
        if !once {
            desk.say(
                Problem::error(bind.span(), "this name is everybody's")
                    .advise("write {login} in it, once: \"uid={login},ou=people,dc=example,dc=edu\""),
            );
        }
        once
    });
    Some(DirectorySettings {
        place: place?,
        bind: bind?.get().clone(),
        ca: written.ca.as_ref().map(|file| desk.path(file)),
    })
}

fn issuers(file: &File, desk: &mut Desk<'_>) -> BTreeMap<Name, IssuerSettings> {
    let mut issuers = BTreeMap::new();
    for (name, written) in in_order(&file.identities.issuers) {
        if let Some(settings) = issuer(name, written, desk) {
            same_issuer(name, &settings, &issuers, desk);
            issuers.insert(Name::from(name.as_str()), settings);
        }
    }
    issuers
}

fn issuer(name: &At<String>, written: &file::Issuer, desk: &mut Desk<'_>) -> Option<IssuerSettings> {
    let path = |key: &'static str| ["identities", "issuers", name.as_str(), key];
    let missing = |key: &str| format!("issuer {} has no {key}", name.get());
    let at = name.span();
    let issuer = desk.need(
        &path("issuer"),
        &written.issuer,
        &at,
        missing("issuer"),
        "its tokens carry it, and nobody else's are believed",
    );
    let for_others = "a token made for another service would open this one";
    let audience = desk.need(
        &path("audience"),
        &written.audience,
        &at,
        missing("audience"),
        for_others,
    );
    let keys = desk.need(
        &path("keys"),
        &written.keys,
        &at,
        missing("keys"),
        "without them nobody can tell its tokens from others",
    );
    let keys = keys.and_then(|keys| source(keys, desk));
    let audience = audience?;
    let audiences = match audience.get() {
        Words::One(one) => vec![one.clone()],
        Words::List(all) => all.iter().map(|one| one.get().clone()).collect(),
    };
    if audiences.iter().all(|one| one.trim().is_empty()) {
        desk.say(Problem::error(audience.span(), "this audience is empty").why(for_others));
        return None;
    }
    let mut algorithms: Vec<Algorithm> = written.algorithms.iter().map(|one| **one).collect();
    if algorithms.is_empty() {
        algorithms = vec![Algorithm::Rs256, Algorithm::Es256];
    }
    let login = written.login.as_ref();
    Some(IssuerSettings {
        rules: Rules {
            issuer: issuer?.get().clone(),
            audiences,
            algorithms,
        },
        login_claim: login.map_or_else(|| LOGIN_CLAIM.to_owned(), |claim| claim.get().clone()),
        keys: keys?,
        ca: written.ca.as_ref().map(|file| desk.path(file)),
    })
}

fn source(keys: &At<String>, desk: &mut Desk<'_>) -> Option<KeySource> {
    if !keys.contains("://") {
        return Some(KeySource::File(desk.path(Path::new(keys.as_str()))));
    }
    let place = Place::web(keys);
    if place.is_none() {
        desk.say(
            Problem::error(keys.span(), "keys are not fetched from here")
                .why("whoever is in between could put their own in their place")
                .advise("write an address that begins with https://"),
        );
    }
    place.map(KeySource::Web)
}

/// Two under one name would share their tokens.
fn same_issuer(name: &At<String>, new: &IssuerSettings, all: &BTreeMap<Name, IssuerSettings>, desk: &mut Desk<'_>) {
    let mut others = all.iter();
    if let Some((other, _)) = others.find(|(_, other)| other.rules.issuer == new.rules.issuer) {
        desk.say(
            Problem::error(name.span(), format!("issuer {other} has the same name in its tokens"))
                .advise("keep one of them"),
        );
    }
}
