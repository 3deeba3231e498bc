//! What of our machines can be reached from the internet, as a scan from outside found it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::table::{TableError, rows, value};

/// The open ports of each address that was scanned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan(BTreeMap<IpAddr, BTreeSet<u16>>);

impl Scan {
    /// Reads CSV of `ip,port,state`: `open`, or what the scanner calls everything else. Whole or not at all.
    pub fn read(text: &str) -> Result<Self, TableError> {
        let mut open: BTreeMap<IpAddr, BTreeSet<u16>> = BTreeMap::new();
        for (line, [address, port, state]) in rows(text, ["ip", "port", "state"])? {
            let address: IpAddr = value(line, &address, "address", |text| text.parse().ok())?;
            let port: u16 = value(line, &port, "port", |text| text.parse().ok())?;
            let state = value(line, &state, "state", |text| {
                (!text.is_empty()).then(|| text.to_ascii_lowercase())
            })?;
            let ports = open.entry(address.to_canonical()).or_default();
            if state == "open" {
                ports.insert(port);
            }
        }
        Ok(Self(open))
    }

    /// The open ports of an address; `None` where it was not scanned.
    #[must_use]
    pub fn open(&self, address: IpAddr) -> Option<&BTreeSet<u16>> {
        self.0.get(&address.to_canonical())
    }
}
