//! What a login is proved by, as it stands in a grant.

use std::ops::Range;

use super::desk::Desk;
use crate::config::Problem;
use crate::config::file::{At, By, FormerSecret, Maybe};
use crate::identities::{self, ScramVerifier, Secret, Verifier};

/// Reads the secrets of a login. `spoiled`: something in it could not be read, and was said.
pub(super) fn read(login: &At<String>, by: &At<By>, spoiled: bool, desk: &mut Desk<'_>) -> Option<Verifier> {
    let advice = format!(
        "`portcullis config secret {}` makes a secret and the line to paste here",
        login.get()
    );
    let mut reader = Reader { advice, spoiled, desk };
    let secret = reader.secret(&by.hash, &by.scram, by.span(), "the password has no hash");
    let mut secrets = vec![secret?];
    if let Some(former) = &by.former {
        secrets.push(reader.former(former)?);
    }
    Some(Verifier::Secrets(secrets))
}

/// Says what stands beside no password.
pub(super) fn belong_to_nobody(by: &By, desk: &mut Desk<'_>) {
    let spans = [
        ("a hash", by.hash.as_ref().map(At::span)),
        ("what SCRAM checks", by.scram.as_ref().map(At::span)),
        ("a former secret", by.former.as_ref().map(At::span)),
    ];
    for (what, span) in spans {
        if let Some(span) = span {
            desk.say(Problem::error(span, format!("{what} belongs to a password")).advise("take it out"));
        }
    }
}

struct Reader<'d, 'a> {
    advice: String,
    spoiled: bool,
    desk: &'d mut Desk<'a>,
}

impl Reader<'_, '_> {
    fn former(&mut self, former: &At<FormerSecret>) -> Option<Secret> {
        let secret = self.secret(
            &former.hash,
            &former.scram,
            former.span(),
            "the former secret has no hash",
        )?;
        let Some(last) = &former.until else {
            if !self.spoiled {
                self.desk.say(
                    Problem::error(former.span(), "the former secret has no end")
                        .why("it would hold for ever beside the one that took its place")
                        .advise("add `until`, its last day; two weeks are usual"),
                );
            }
            return None;
        };
        Some(Secret {
            until: Some(last.end()),
            ..secret
        })
    }

    fn secret(
        &mut self,
        hash: &Maybe<String>,
        scram: &Maybe<String>,
        around: Range<usize>,
        missing: &str,
    ) -> Option<Secret> {
        let Some(hash) = hash else {
            if !self.spoiled {
                self.desk.say(
                    Problem::error(around, missing)
                        .why("without it nobody can log in")
                        .advise(&self.advice),
                );
            }
            return None;
        };
        let checked = identities::check_hash(hash)
            .map_err(|why| self.wrong(hash.span(), &why.to_string()))
            .ok();
        let scram = match scram {
            None => Some(None),
            Some(text) => {
                let read = ScramVerifier::parse(text);
                if read.is_none() {
                    self.wrong(
                        text.span(),
                        "this is not what SCRAM checks a secret by: SCRAM-SHA-256$15000:salt$key:key",
                    );
                }
                read.map(Some)
            }
        };
        Some(Secret {
            hash: checked?,
            scram: scram?,
            until: None,
        })
    }

    fn wrong(&mut self, span: Range<usize>, what: &str) {
        self.desk.say(Problem::error(span, what).advise(&self.advice));
    }
}
