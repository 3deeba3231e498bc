//! Which network lies in which zone: CSV of `prefix,zone`.

use std::net::IpAddr;

use ipnet::IpNet;

/// Networks with their zones; the narrowest that holds an address says where it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zones(Vec<(IpNet, Box<str>)>);

/// Why a table of zones cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct ZonesError {
    /// Where.
    pub line: usize,
    /// What is wrong.
    pub why: String,
}

impl Zones {
    /// Reads it whole, or not at all. Lines that begin with `#`, and a first line of names, are passed over.
    pub fn read(text: &str) -> Result<Self, ZonesError> {
        let mut zones: Vec<(IpNet, Box<str>)> = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') || (line == 1 && text.eq_ignore_ascii_case("prefix,zone")) {
                continue;
            }
            let error = |why: String| ZonesError { line, why };
            let (prefix, zone) = text
                .split_once(',')
                .ok_or_else(|| error("a network, a comma and a zone are needed".to_owned()))?;
            let (prefix, zone) = (prefix.trim(), zone.trim());
            let prefix: IpNet = prefix.parse().map_err(|_| error(format!("{prefix:?} is no network")))?;
            if zone.is_empty() {
                return Err(error("the zone is missing".to_owned()));
            }
            if zones
                .iter()
                .any(|(other, of)| *other == prefix.trunc() && **of != *zone)
            {
                return Err(error(format!("{prefix} lies in another zone already")));
            }
            zones.push((prefix.trunc(), zone.into()));
        }
        Ok(Self(zones))
    }

    /// The zone of an address.
    #[must_use]
    pub fn of(&self, address: IpAddr) -> Option<&str> {
        let holding = self.0.iter().filter(|(prefix, _)| prefix.contains(&address));
        holding
            .max_by_key(|(prefix, _)| prefix.prefix_len())
            .map(|(_, zone)| &**zone)
    }
}
