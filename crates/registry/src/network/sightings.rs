//! Which machine was seen at an address: an export of a router's neighbours (ARP, ND), or of DHCP's leases.

use std::collections::BTreeMap;
use std::net::IpAddr;

use mail::Timestamp;

use super::Mac;
use super::table::{TableError, rows, value};

/// The machine that was seen last at each address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sightings(BTreeMap<IpAddr, (Timestamp, Mac)>);

impl Sightings {
    /// Reads CSV of `ip,mac,seen`, the latter as `2026-11-22T08:00:00Z` or in seconds since 1970. Whole or not at all.
    pub fn read(text: &str) -> Result<Self, TableError> {
        let mut last: BTreeMap<IpAddr, (Timestamp, Mac)> = BTreeMap::new();
        for (line, [address, mac, seen]) in rows(text, ["ip", "mac", "seen"])? {
            let address: IpAddr = value(line, &address, "address", |text| text.parse().ok())?;
            let mac = value(line, &mac, "machine address", Mac::parse)?;
            let seen = value(line, &seen, "time", time)?;
            let sighting = last.entry(address.to_canonical()).or_insert((seen, mac));
            if sighting.0 <= seen {
                *sighting = (seen, mac);
            }
        }
        Ok(Self(last))
    }

    /// Which machine was seen last at an address, and when.
    #[must_use]
    pub fn of(&self, address: IpAddr) -> Option<(Timestamp, Mac)> {
        self.0.get(&address.to_canonical()).copied()
    }
}

fn time(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<i64>() {
        return seconds.checked_mul(1000).map(Timestamp);
    }
    let at = text.parse::<jiff::Timestamp>().ok()?;
    Some(Timestamp(at.as_millisecond()))
}
