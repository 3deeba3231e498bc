//! `[identities]`: who vouches for clients beside us.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{At, Maybe, Named, Words};
use crate::identities::Algorithm;

/// Who vouches for clients beside us.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Identities {
    /// Who issues tokens that clients may log in with.
    pub issuers: Named<Issuer>,
    /// The directory that knows people's passwords.
    pub directory: Maybe<Directory>,
    /// Who issues certificates to clients, and vouches for the names in them.
    pub authorities: Named<Authority>,
}

/// Somebody who issues certificates to clients.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Authority {
    /// Its own certificate, PEM; several of them count alike.
    pub ca: Maybe<PathBuf>,
    /// The lists of what it and those between it and a client revoked, PEM or DER. Default: nobody looks.
    pub crl: Maybe<PathBuf>,
}

/// A directory (LDAP) that knows people's passwords.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Directory {
    /// Where it is: `ldaps://ldap.example.edu`, or `ldap://` with `starttls`.
    pub url: Maybe<String>,
    /// Whether it is asked to go on under TLS, where the url begins with `ldap://`. Default: false.
    pub starttls: Maybe<bool>,
    /// The name to bind as, with `{login}` in it.
    pub bind: Maybe<String>,
    /// In place of `bind`: the name below which people are looked for.
    pub base: Maybe<String>,
    /// The filter that finds one of them, with `{login}` in it (RFC 4515).
    pub filter: Maybe<String>,
    /// The name of the account that searches; without one, nobody in particular does.
    pub account: Maybe<String>,
    /// The file whose first line is its secret.
    pub secret_file: Maybe<PathBuf>,
    /// Its authority, PEM. Default: those of the system.
    pub ca: Maybe<PathBuf>,
}

/// Somebody who issues tokens.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Issuer {
    /// Its name, as it stands in its tokens (`iss`), octet by octet.
    pub issuer: Maybe<String>,
    /// Whom its tokens must be for (`aud`): a text, or a list of which one is enough.
    pub audience: Maybe<Words>,
    /// Where its keys are: an https address, or a file.
    pub keys: Maybe<String>,
    /// Where it answers about its tokens (RFC 7662), in place of keys: an https address.
    pub introspection: Maybe<String>,
    /// Who we are where it answers.
    pub client: Maybe<String>,
    /// The file whose first line is our secret there.
    pub secret_file: Maybe<PathBuf>,
    /// How its tokens are signed. Default: ["RS256", "ES256"].
    pub algorithms: Vec<At<Algorithm>>,
    /// The claim that names the login of a grant without `claims`. Default: "sub".
    pub login: Maybe<String>,
    /// The authority of the server of its keys or answers, PEM. Default: those of the system.
    pub ca: Maybe<PathBuf>,
}
