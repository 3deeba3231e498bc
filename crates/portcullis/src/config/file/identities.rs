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
}

/// A directory (LDAP) that knows people's passwords.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Directory {
    /// Where it is: `ldaps://ldap.example.edu`.
    pub url: Maybe<String>,
    /// The name to bind as, with `{login}` in it.
    pub bind: Maybe<String>,
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
