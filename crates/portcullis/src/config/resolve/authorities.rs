//! Authorities that vouch for the names in clients' certificates, and grants that are shown by such a name.

use std::collections::BTreeMap;

use policy::{CertificateId, Name};
use wire::Authority;

use super::certificates;
use super::desk::{Desk, in_order};
use crate::config::Problem;
use crate::config::file::{self, At, By, File};
use crate::identities::AuthoritySettings;

/// Resolves the authorities.
pub(super) fn resolve(file: &File, desk: &mut Desk<'_>) -> BTreeMap<Name, AuthoritySettings> {
    let written = in_order(&file.identities.authorities);
    let authorities = written
        .into_iter()
        .filter_map(|(name, written)| Some((Name::from(name.as_str()), authority(name, written, desk)?)));
    authorities.collect()
}

fn authority(name: &At<String>, written: &file::Authority, desk: &mut Desk<'_>) -> Option<AuthoritySettings> {
    let ca = desk.need(
        &["identities", "authorities", name.as_str(), "ca"],
        &written.ca,
        &name.span(),
        format!("authority {} has no certificate", name.get()),
        "by it the certificates of clients are told from others",
    )?;
    let octets = certificates::contents(ca, desk)?;
    if let Err(why) = Authority::new(name.as_str().into(), &octets, None) {
        desk.say(Problem::error(ca.span(), why.to_string()).advise("it is the authority's own certificate, in PEM"));
        return None;
    }
    if let Some(crl) = &written.crl {
        let lists = certificates::contents(crl, desk)?;
        if let Err(why) = Authority::new(name.as_str().into(), &octets, Some(&lists)) {
            desk.say(
                Problem::error(crl.span(), why.to_string())
                    .why("nobody could say whether a certificate was revoked")
                    .advise("it is what the authority publishes, in PEM or DER"),
            );
            return None;
        }
    }
    Some(AuthoritySettings {
        ca: desk.path(ca),
        crl: written.crl.as_ref().map(|crl| desk.path(crl)),
    })
}

/// Reads by which name of a certificate a grant is shown. `spoiled`: something in it could not be read, and was said.
pub(super) fn read(
    by: &At<By>,
    authorities: &BTreeMap<Name, AuthoritySettings>,
    spoiled: bool,
    desk: &mut Desk<'_>,
) -> Option<CertificateId> {
    let name = by.subject.as_ref()?;
    let Some(authority) = &by.authority else {
        if !spoiled {
            desk.say(
                Problem::error(by.span(), "nobody is named who vouches for this name")
                    .why("whoever issues certificates can write any name into them")
                    .advise("add `authority`, the name of one of `[identities.authorities]`"),
            );
        }
        return None;
    };
    let Some((known, _)) = authorities.get_key_value(authority.as_str()) else {
        if !desk.is_spoiled(&["identities", "authorities", authority.as_str()]) {
            let known: Vec<&str> = authorities.keys().map(|name| &**name).collect();
            let advice = match known.is_empty() {
                true => format!("declare it: `[identities.authorities.{}]`", authority.get()),
                false => format!("use one of {}", known.join(", ")),
            };
            let what = format!("there is no authority {}", authority.get());
            desk.say(Problem::error(authority.span(), what).advise(advice));
        }
        return None;
    };
    Some(CertificateId::Subject {
        authority: known.clone(),
        name: (***name).clone(),
    })
}

/// Says what stands beside no name.
pub(super) fn belong_to_nobody(by: &By, desk: &mut Desk<'_>) {
    if let Some(authority) = &by.authority {
        desk.say(Problem::error(authority.span(), "an authority belongs to a subject").advise("take it out"));
    }
}
