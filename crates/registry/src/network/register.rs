//! The register of addresses, as its keepers export it: CSV with a line of names first.

use std::collections::BTreeMap;
use std::net::IpAddr;

use mail::{Domain, Timestamp};

use super::Mac;

/// How an address comes to its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It is configured on the machine.
    Static,
    /// It is reserved for the machine, which asks for it.
    StaticDhcp,
    /// Whoever asks gets one of many.
    Dynamic,
}

/// A registered address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The machine.
    pub mac: Option<Mac>,
    /// Its name.
    pub name: Option<Domain>,
    /// How it comes to its address.
    pub kind: Kind,
    /// The zone it is said to lie in.
    pub zone: Option<Box<str>>,
    /// Who answers for it.
    pub owner: Option<Box<str>>,
    /// Where that is.
    pub department: Option<Box<str>>,
    /// The last instant of the registration; for ever where it says nothing.
    pub until: Option<Timestamp>,
    /// The line of the file.
    pub line: u64,
}

/// Every registered address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Register(BTreeMap<IpAddr, Row>);

/// Why a register cannot be used. One that is half read would take grants away from machines that are registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// It is no CSV.
    #[error("line {line}: {why}")]
    Csv {
        /// Where.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// A column is not there.
    #[error(
        "the first line names no column {0:?}; needed are ip and type, and mac, fqdn, zone, owner, department, registered_until are read"
    )]
    NoColumn(&'static str),
    /// A value cannot be read.
    #[error("line {line}: {value:?} is no {what}")]
    Value {
        /// Where.
        line: u64,
        /// The column's meaning.
        what: &'static str,
        /// What stands there.
        value: String,
    },
    /// An address stands there twice.
    #[error("line {line}: {address} stands in line {before} already")]
    Twice {
        /// Where.
        line: u64,
        /// Which address.
        address: IpAddr,
        /// Where it stood first.
        before: u64,
    },
}

impl Register {
    /// Reads it whole, or not at all. Columns are found by their names, in any order; others are passed over.
    pub fn read(text: &str) -> Result<Self, RegisterError> {
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let names = reader.headers().map_err(|why| broken(&why))?.clone();
        let column = |name: &str| names.iter().position(|own| own.eq_ignore_ascii_case(name));
        let address = column("ip").ok_or(RegisterError::NoColumn("ip"))?;
        let kind = column("type").ok_or(RegisterError::NoColumn("type"))?;
        let others = ["mac", "fqdn", "zone", "owner", "department", "registered_until"].map(column);
        let mut rows = BTreeMap::new();
        for record in reader.records() {
            let record = record.map_err(|why| broken(&why))?;
            let line = record.position().map_or(0, csv::Position::line);
            let field = |at: usize| record.get(at).unwrap_or_default();
            let [mac, name, zone, owner, department, until] =
                others.map(|at| at.map(field).filter(|value| !value.is_empty()));
            let value = |what, value: &str| RegisterError::Value {
                line,
                what,
                value: value.to_owned(),
            };
            let address: IpAddr = field(address).parse().map_err(|_| value("address", field(address)))?;
            let row = Row {
                mac: mac
                    .map(|text| Mac::parse(text).ok_or_else(|| value("machine address", text)))
                    .transpose()?,
                name: name
                    .map(|text| Domain::parse(text.trim_end_matches('.')).map_err(|_| value("host name", text)))
                    .transpose()?,
                kind: kind_of(field(kind)).ok_or_else(|| value("type (static, static-dhcp, dynamic)", field(kind)))?,
                zone: zone.map(Into::into),
                owner: owner.map(Into::into),
                department: department.map(Into::into),
                until: until
                    .map(|text| last_instant(text).ok_or_else(|| value("date", text)))
                    .transpose()?,
                line,
            };
            if let Some(before) = rows.insert(address.to_canonical(), row) {
                let before: Row = before;
                return Err(RegisterError::Twice {
                    line,
                    address,
                    before: before.line,
                });
            }
        }
        Ok(Self(rows))
    }

    /// What is registered for an address.
    #[must_use]
    pub fn of(&self, address: IpAddr) -> Option<&Row> {
        self.0.get(&address.to_canonical())
    }

    /// How many addresses are registered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn broken(why: &csv::Error) -> RegisterError {
    let line = why.position().map_or(1, csv::Position::line);
    let why = match why.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} values, and the first line has {expected_len} names")
        }
        csv::ErrorKind::Utf8 { .. } => "not UTF-8".to_owned(),
        _ => "cannot be read as CSV".to_owned(),
    };
    RegisterError::Csv { line, why }
}

fn kind_of(text: &str) -> Option<Kind> {
    match text.to_ascii_lowercase().as_str() {
        "static" => Some(Kind::Static),
        "static-dhcp" | "static_dhcp" | "reserved" => Some(Kind::StaticDhcp),
        "dynamic" | "dhcp" => Some(Kind::Dynamic),
        _ => None,
    }
}

/// A date holds until its end, in UTC; a time until itself.
fn last_instant(text: &str) -> Option<Timestamp> {
    if let Ok(date) = text.parse::<jiff::civil::Date>() {
        let next = date.tomorrow().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        return Some(Timestamp(next.timestamp().as_millisecond() - 1));
    }
    let at = text.parse::<jiff::Timestamp>().ok()?;
    Some(Timestamp(at.as_millisecond()))
}
