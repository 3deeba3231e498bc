//! What the organisation says, as the registry's rules.

use std::path::Path;

use registry::{Directory, Network, Register, Reservations, Rules, Scan, Sightings, Source as Known, Zones};

use super::House;
use super::sources::{self, Unusable};
use crate::config::{RegistrySettings, Report};

/// The rules of now, and a report for each file that cannot be used. What such a file would say is unknown: it opens
/// nothing, and closes nothing.
#[must_use]
pub fn rules(settings: &RegistrySettings, house: House<'_>) -> (Rules, Vec<Report>) {
    let mut reports = Vec::new();
    let files = &settings.network;
    let organisation = house.organisation;
    let register = files.register.as_deref();
    let network = Network {
        own: organisation.networks.clone(),
        shared: organisation.never_a_client.clone(),
        dynamic: organisation.dynamic.clone(),
        register: known(register, &mut reports, |file| {
            sources::read(file, Register::read, sources::of_register)
        }),
        reservations: reservations(&files.dhcp, &mut reports),
        zones: match files.zones.as_deref() {
            Some(file) => known(Some(file), &mut reports, |file| {
                sources::read(file, Zones::read, sources::of_zones)
            }),
            None => declared(house),
        },
        sightings: known(files.sightings.as_deref(), &mut reports, |file| {
            sources::read(file, Sightings::read, sources::of_table)
        }),
        scan: known(files.scan.as_deref(), &mut reports, |file| {
            sources::read(file, Scan::read, sources::of_table)
        }),
        people: known(files.people.as_deref(), &mut reports, |file| {
            sources::read(file, Directory::read, sources::of_table)
        }),
    };
    let rules = Rules {
        domains: organisation.domains.clone(),
        terms: settings.terms.clone(),
        calendar: settings.calendar.clone(),
        network,
        widest: settings.widest,
        device_zone: settings.device_zone.clone(),
        gaps: Vec::new(),
        heads: settings.heads.clone(),
        attestation: settings.attestation,
    };
    (rules, reports)
}

fn known<T>(
    file: Option<&Path>,
    reports: &mut Vec<Report>,
    read: impl FnOnce(&Path) -> Result<T, Unusable>,
) -> Known<T> {
    let Some(file) = file else { return Known::None };
    match read(file) {
        Ok(known) => Known::Known(known),
        Err(Unusable { said, report }) => {
            reports.push(*report);
            Known::Unknown(said)
        }
    }
}

/// What all servers know together; where one cannot be read, nobody knows what it would have said.
fn reservations(files: &[std::path::PathBuf], reports: &mut Vec<Report>) -> Known<Reservations> {
    let mut all = Known::None;
    for file in files {
        let one = known(Some(file), reports, |file| {
            sources::read(file, sources::dhcp, sources::of_dhcp)
        });
        all = match (all, one) {
            (Known::Known(mut all), Known::Known(one)) => {
                all.add(one);
                Known::Known(all)
            }
            (unknown @ Known::Unknown(_), _) | (_, unknown @ Known::Unknown(_)) => unknown,
            (_, one) => one,
        };
    }
    all
}

/// The zones that the configuration declares, where it declares any.
fn declared(house: House<'_>) -> Known<Zones> {
    if house.zones.is_empty() {
        return Known::None;
    }
    let lines = house.zones.iter().flat_map(|zone| {
        let names = zone.networks.iter().map(move |network| (network, &zone.name));
        names.map(|(network, name)| format!("{network},{name}\n"))
    });
    match Zones::read(&lines.collect::<String>()) {
        Ok(zones) => Known::Known(zones),
        Err(why) => Known::Unknown(format!("[zones] of the configuration: {}", why.why)),
    }
}
