//! What a token has to say for a login, as it stands in a grant.

use std::collections::BTreeMap;

use policy::Name;

use super::desk::Desk;
use crate::config::Problem;
use crate::config::file::{At, By};
use crate::identities::{IssuerSettings, TokenRule, Verifier};

/// Reads what proves a login by a token. `spoiled`: something in it could not be read, and was said.
pub(super) fn read(
    login: &At<String>,
    by: &At<By>,
    issuers: &BTreeMap<Name, IssuerSettings>,
    spoiled: bool,
    desk: &mut Desk<'_>,
) -> Option<Verifier> {
    let Some(issuer) = &by.issuer else {
        if !spoiled {
            desk.say(
                Problem::error(by.span(), "nobody is named who issues the token")
                    .why("a token is worth as much as whoever issues it")
                    .advise("add `issuer`, the name of one of `[identities.issuers]`"),
            );
        }
        return None;
    };
    let Some((name, settings)) = issuers.get_key_value(issuer.as_str()) else {
        let known: Vec<&str> = issuers.keys().map(|name| &**name).collect();
        let advice = match known.is_empty() {
            true => format!("declare it: `[identities.issuers.{}]`", issuer.get()),
            false => format!("use one of {}", known.join(", ")),
        };
        desk.say(Problem::error(issuer.span(), format!("there is no issuer {}", issuer.get())).advise(advice));
        return None;
    };
    let mut claims: BTreeMap<String, String> = BTreeMap::new();
    for (claim, value) in &by.claims {
        if value.is_empty() {
            desk.say(
                Problem::error(value.span(), format!("the claim {} is empty", claim.get())).advise("say what it is"),
            );
            return None;
        }
        claims.insert(claim.get().clone(), value.get().clone());
    }
    if claims.is_empty() {
        claims.insert(settings.login_claim.clone(), login.get().clone());
    }
    let issuer = name.clone();
    Some(Verifier::Token(TokenRule { issuer, claims }))
}

/// Says what stands beside no token.
pub(super) fn belong_to_nobody(by: &By, desk: &mut Desk<'_>) {
    let claims = by.claims.keys().next().map(At::span);
    for (what, span) in [
        ("an issuer belongs", by.issuer.as_ref().map(At::span)),
        ("claims belong", claims),
    ] {
        if let Some(span) = span {
            desk.say(Problem::error(span, format!("{what} to a token")).advise("take it out"));
        }
    }
}
