//! Which network lies in which zone, and what a zone's firewall lets out: CSV of `prefix,zone` or `prefix,zone,egress`.

use std::net::IpAddr;

use ipnet::IpNet;

/// What a zone's firewall lets out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Egress {
    /// To the relay, and to nobody else on port 25.
    Relay,
    /// To everybody on port 25.
    Internet,
    /// Not even to the relay.
    Nothing,
}

impl Egress {
    const NAMES: [(&'static str, Self); 3] = [
        ("relay", Self::Relay),
        ("internet", Self::Internet),
        ("none", Self::Nothing),
    ];
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    prefix: IpNet,
    zone: Box<str>,
    egress: Option<Egress>,
}

/// Networks with their zones; the narrowest that holds an address says where it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zones(Vec<Part>);

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
        let mut zones: Vec<Part> = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') || (line == 1 && is_names(text)) {
                continue;
            }
            let error = |why: String| ZonesError { line, why };
            let (prefix, zone) = text
                .split_once(',')
                .ok_or_else(|| error("a network, a comma and a zone are needed".to_owned()))?;
            let (zone, egress) = zone.split_once(',').unwrap_or((zone, ""));
            let (prefix, zone, egress) = (prefix.trim(), zone.trim(), egress.trim());
            let prefix: IpNet = prefix.parse().map_err(|_| error(format!("{prefix:?} is no network")))?;
            if zone.is_empty() {
                return Err(error("the zone is missing".to_owned()));
            }
            let known = Egress::NAMES.iter().find(|(name, _)| egress.eq_ignore_ascii_case(name));
            if known.is_none() && !egress.is_empty() {
                return Err(error(format!("{egress:?} is no egress: relay, internet or none")));
            }
            let prefix = prefix.trunc();
            if zones.iter().any(|other| other.prefix == prefix && *other.zone != *zone) {
                return Err(error(format!("{prefix} lies in another zone already")));
            }
            zones.push(Part {
                prefix,
                zone: zone.into(),
                egress: known.map(|(_, egress)| *egress),
            });
        }
        Ok(Self(zones))
    }

    /// The zone of an address.
    #[must_use]
    pub fn of(&self, address: IpAddr) -> Option<&str> {
        self.part(address).map(|part| &*part.zone)
    }

    /// What the firewall of its zone lets out, where that is written down.
    #[must_use]
    pub fn egress(&self, address: IpAddr) -> Option<Egress> {
        self.part(address)?.egress
    }

    fn part(&self, address: IpAddr) -> Option<&Part> {
        let holding = self.0.iter().filter(|part| part.prefix.contains(&address));
        holding.max_by_key(|part| part.prefix.prefix_len())
    }
}

fn is_names(text: &str) -> bool {
    ["prefix,zone", "prefix,zone,egress"]
        .iter()
        .any(|names| text.eq_ignore_ascii_case(names))
}
