//! Who vouches for clients beside us.

use std::collections::BTreeMap;
use std::path::Path;

use policy::Name;

use super::desk::{Desk, in_order};
use super::{authorities, certificates, directory};
use crate::config::Problem;
use crate::config::file::{self, At, File, Words};
use crate::identities::{Algorithm, Introspection, IssuerSettings, KeySource, Place, Rules, ToldBy, Vouching};

/// The claim that names a login, where nothing is said.
const LOGIN_CLAIM: &str = "sub";

/// Resolves who vouches for clients beside us.
pub(super) fn resolve(file: &File, desk: &mut Desk<'_>) -> Vouching {
    Vouching {
        issuers: issuers(file, desk),
        directory: directory::resolve(file, desk),
        authorities: authorities::resolve(file, desk),
    }
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
    let told_by = told_by(name, written, desk);
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
        told_by: told_by?,
        ca: written.ca.as_ref().map(|file| desk.path(file)),
    })
}

/// How its tokens are told from others: by its keys, or by asking it.
fn told_by(name: &At<String>, written: &file::Issuer, desk: &mut Desk<'_>) -> Option<ToldBy> {
    let path = |key: &'static str| ["identities", "issuers", name.as_str(), key];
    let at = name.span();
    let Some(asked) = written.introspection.as_ref() else {
        for (key, span) in [
            ("a client", written.client.as_ref().map(At::span)),
            ("a secret", written.secret_file.as_ref().map(At::span)),
        ] {
            if let Some(span) = span {
                desk.say(Problem::error(span, format!("{key} belongs to `introspection`")).advise("take it out"));
            }
        }
        if desk.is_spoiled(&path("introspection")) {
            return None;
        }
        let why = "without them nobody can tell its tokens from others";
        let keys = desk.need(
            &path("keys"),
            &written.keys,
            &at,
            format!("issuer {} has no keys", name.get()),
            why,
        );
        return keys.and_then(|keys| source(keys, desk)).map(ToldBy::Keys);
    };
    if let Some(keys) = &written.keys {
        desk.say(
            Problem::error(keys.span(), "this issuer is asked, and its keys are read")
                .why("which of the two is believed would be anybody's guess")
                .advise("keep `keys` where its tokens are signed (JWT), and `introspection` where they are not"),
        );
    }
    if let Some(first) = written.algorithms.first() {
        desk.say(
            Problem::error(first.span(), "nothing is signed where the issuer is asked").advise("take `algorithms` out"),
        );
    }
    let place = Place::web(asked);
    if place.is_none() {
        desk.say(
            Problem::error(asked.span(), "tokens are not shown there")
                .why("whoever is in between could use them")
                .advise("write an address that begins with https://"),
        );
    }
    let why = "issuers answer only to whom they know (RFC 7662, 2.1)";
    let missing = |what: &str| format!("issuer {} is asked without {what}", name.get());
    let client = desk.words(&path("client"), &written.client, &at, missing("a client"), why);
    let client = client.map(ToOwned::to_owned);
    let secret = desk.need(
        &path("secret_file"),
        &written.secret_file,
        &at,
        missing("a secret"),
        why,
    )?;
    if certificates::contents(secret, desk)?.trim_ascii().is_empty() {
        desk.say(Problem::error(secret.span(), "there is no secret in this file"));
    }
    Some(ToldBy::Introspection(Introspection {
        place: place?,
        client: client?,
        secret_file: desk.path(secret),
    }))
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
