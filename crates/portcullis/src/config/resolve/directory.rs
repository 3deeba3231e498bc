//! The directory that knows people's passwords.

use super::certificates;
use super::desk::Desk;
use crate::config::Problem;
use crate::config::file::{self, At, File};
use crate::identities::{Account, DirectorySettings, Filter, FoundBy, LOGIN, Place, Search};

/// Where a key of it stands.
const fn path(key: &str) -> [&str; 3] {
    ["identities", "directory", key]
}

/// Resolves the directory, where there is one.
pub(super) fn resolve(file: &File, desk: &mut Desk<'_>) -> Option<DirectorySettings> {
    let written = file.identities.directory.as_ref()?;
    let starttls = written.starttls.as_ref().is_some_and(|wanted| **wanted);
    let place = place(written, starttls, desk);
    let by = match (&written.base, &written.filter) {
        (None, None) => name(written, desk).map(FoundBy::Name),
        _ => search(written, desk).map(FoundBy::Search),
    };
    Some(DirectorySettings {
        place: place?,
        starttls,
        by: by?,
        ca: written.ca.as_ref().map(|file| desk.path(file)),
    })
}

fn place(written: &At<file::Directory>, starttls: bool, desk: &mut Desk<'_>) -> Option<Place> {
    let why = "nobody could be asked";
    let url = desk.need(
        &path("url"),
        &written.url,
        &written.span(),
        "the directory has no url",
        why,
    )?;
    let (place, advice) = if starttls {
        let advice = "with `starttls` write an address that begins with ldap:// and has no path";
        (Place::directory_with_starttls(url), advice)
    } else {
        let advice = "write an address that begins with ldaps:// and has no path, or add `starttls = true`";
        (Place::directory(url), advice)
    };
    if place.is_none() {
        desk.say(
            Problem::error(url.span(), "passwords are not sent there")
                .why("whoever is in between could read them")
                .advise(advice),
        );
    }
    place
}

/// The pattern of the name to bind as.
fn name(written: &At<file::Directory>, desk: &mut Desk<'_>) -> Option<String> {
    let searches = [
        written.account.as_ref().map(At::span),
        written.secret_file.as_ref().map(At::span),
    ];
    for span in searches.into_iter().flatten() {
        desk.say(Problem::error(span, "nobody searches").advise("add `base` and `filter`, or take it out"));
    }
    let why = "a login has to become a name in the directory";
    let missing = "the directory has no name to bind as";
    let bind = desk.need(&path("bind"), &written.bind, &written.span(), missing, why)?;
    if bind.matches(LOGIN).count() != 1 {
        desk.say(
            Problem::error(bind.span(), "this name is everybody's")
                .advise("write {login} in it, once: \"uid={login},ou=people,dc=example,dc=edu\""),
        );
        return None;
    }
    Some(bind.get().clone())
}

fn search(written: &At<file::Directory>, desk: &mut Desk<'_>) -> Option<Search> {
    if let Some(bind) = &written.bind {
        desk.say(
            Problem::error(bind.span(), "a login becomes a name in two ways")
                .why("a pattern says the name, a search finds it")
                .advise("keep `bind`, or `base` and `filter`"),
        );
    }
    let why = "a search has a place to look, and says whom it looks for";
    let at = written.span();
    let base = desk.words(&path("base"), &written.base, &at, "the search has no base", why);
    let base = base.map(ToOwned::to_owned);
    let filter = desk.need(&path("filter"), &written.filter, &at, "the search has no filter", why);
    let filter = filter.and_then(|filter| read_filter(filter, desk));
    let account = account(written, desk);
    Some(Search {
        base: base?,
        filter: filter?,
        account: account?,
    })
}

fn read_filter(written: &At<String>, desk: &mut Desk<'_>) -> Option<Filter> {
    let filter = Filter::parse(written);
    let problem = match &filter {
        None => Problem::error(written.span(), "this is no filter (RFC 4515)"),
        Some(filter) if !filter.has_login() => {
            Problem::error(written.span(), "this filter finds the same for everybody")
        }
        Some(_) => return filter,
    };
    desk.say(problem.advise("write it so: \"(&(objectClass=person)(|(uid={login})(mail={login})))\""));
    None
}

/// Who searches; `None` where it is somebody whose secret is missing.
fn account(written: &At<file::Directory>, desk: &mut Desk<'_>) -> Option<Option<Account>> {
    let Some(name) = &written.account else {
        if let Some(secret) = &written.secret_file {
            desk.say(Problem::error(secret.span(), "nobody is named whose secret this is").advise("add `account`"));
            return None;
        }
        return Some(None);
    };
    let why = "an account has a secret";
    let missing = "the account that searches has no secret";
    let secret = desk.need(&path("secret_file"), &written.secret_file, &name.span(), missing, why)?;
    if certificates::contents(secret, desk)?.trim_ascii().is_empty() {
        desk.say(Problem::error(secret.span(), "there is no secret in this file"));
    }
    Some(Some(Account {
        name: name.get().clone(),
        secret_file: desk.path(secret),
    }))
}
