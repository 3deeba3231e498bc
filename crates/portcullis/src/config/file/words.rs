//! Words of the file that mean more than text: addresses, networks, dates, sizes, lengths of time.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::time::Duration;

use ipnet::IpNet;
use mail::{Domain, DomainPattern, Host, Mailbox, SubjectName, Timestamp};
use policy::{HelloPattern, SenderPattern, unmapped};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

use super::At;
use crate::config::{HostPort, Keeping};

/// A value that is written as text.
pub trait Spelled: Sized {
    /// What it is, for messages and the schema, as in `a network such as 10.0.0.0/8`.
    const WHAT: &'static str;
    /// Reads it, or says what is wrong with it.
    fn spell(text: &str) -> Result<Self, String>;
}

/// A value that was written as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<T>(T);

impl<T> Deref for Text<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Spelled> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(std::marker::PhantomData<T>);
        impl<T: Spelled> Visitor<'_> for Reader<T> {
            type Value = Text<T>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(T::WHAT)
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Text<T>, E> {
                T::spell(text).map(Text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Reader(std::marker::PhantomData))
    }
}

impl<T: Spelled> JsonSchema for Text<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::WHAT.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": T::WHAT })
    }
}

impl Spelled for Domain {
    const WHAT: &'static str = "a domain such as example.edu";
    fn spell(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|why| why.to_string())
    }
}

impl Spelled for DomainPattern {
    const WHAT: &'static str = "a domain such as example.edu, or *.example.edu for everything below it";
    fn spell(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|why| why.to_string())
    }
}

impl Spelled for Mailbox {
    const WHAT: &'static str = "an address such as postmaster@example.edu";
    fn spell(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|why| why.to_string())
    }
}

impl Spelled for SenderPattern {
    const WHAT: &'static str = "a sender such as billing@example.edu, *@example.edu, *@*.example.edu or <>";
    fn spell(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|why| why.to_string())
    }
}

impl Spelled for HelloPattern {
    const WHAT: &'static str = "a name as in HELO, such as copier.example.edu or RNP*";
    fn spell(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|why| why.to_string())
    }
}

impl Spelled for IpNet {
    const WHAT: &'static str = "an address such as 10.20.3.14 or a network such as 10.20.0.0/16";
    fn spell(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::from(address.to_canonical()));
        }
        let network: Self = text.parse().map_err(|_| format!("{text:?} is not {}", Self::WHAT))?;
        if network.trunc() == network {
            Ok(unmapped(network))
        } else {
            Err(format!(
                "{text} is an address inside of {}; write one of them",
                network.trunc()
            ))
        }
    }
}

impl Spelled for SocketAddr {
    const WHAT: &'static str = "an address with a port such as 192.0.2.25:25 or [2001:db8::25]:25";
    fn spell(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("{text:?} is not {}", Self::WHAT))
    }
}

impl Spelled for HostPort {
    const WHAT: &'static str = "a host with a port such as mail.example.edu:25";
    fn spell(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            let host = Host::Literal(address.ip());
            return Ok(Self {
                host,
                port: address.port(),
            });
        }
        let (host, port) = text
            .rsplit_once(':')
            .ok_or_else(|| format!("{text:?} is not {}", Self::WHAT))?;
        let host = Domain::parse(host).map(Host::Domain).map_err(|why| why.to_string())?;
        let port = port
            .parse()
            .map_err(|_| format!("{port:?} is not a port from 1 to 65535"))?;
        Ok(Self { host, port })
    }
}

/// SHA-256 of a SubjectPublicKeyInfo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin(pub [u8; 32]);

impl Spelled for Pin {
    const WHAT: &'static str = "the SHA-256 of the certificate's public key, 64 hexadecimal digits";
    fn spell(text: &str) -> Result<Self, String> {
        let digits: Vec<u8> = text
            .chars()
            .filter(|c| *c != ':')
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()
            .ok_or_else(|| format!("not {}", Self::WHAT))?;
        let octets: Vec<u8> = digits
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |sum, digit| sum * 16 + digit))
            .collect();
        let whole = digits.len() == 64;
        let octets = <[u8; 32]>::try_from(octets).ok().filter(|_| whole);
        octets.map(Self).ok_or_else(|| format!("not {}", Self::WHAT))
    }
}

impl Spelled for SubjectName {
    const WHAT: &'static str =
        "a name in a certificate, as in dns:ups-7.example.edu; email:, uri:, cn: and dn: are others";
    fn spell(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|why| format!("{text:?} is no name in a certificate: {why}"))
    }
}

/// A length of time: `30 s`, `5 m`, `4 h`, `5 d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lapse(pub Duration);

impl Spelled for Lapse {
    const WHAT: &'static str = "a time such as 30s, 5m, 4h or 5d";
    fn spell(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not {}", Self::WHAT);
        let (number, unit) = split_unit(text).ok_or_else(wrong)?;
        let secs = match unit {
            "s" => 1,
            "m" | "min" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return Err(wrong()),
        };
        let secs = number
            .checked_mul(secs)
            .filter(|secs| *secs <= 366 * 86_400)
            .ok_or_else(wrong)?;
        Ok(Self(Duration::from_secs(secs)))
    }
}

impl Spelled for Keeping {
    const WHAT: &'static str = "a time such as 90d, \"12 months\" or \"7 years\", or forever";
    fn spell(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not {}", Self::WHAT);
        if text == "forever" {
            return Ok(Self::FOREVER);
        }
        let (number, unit) = split_unit(text).ok_or_else(wrong)?;
        let keeping = match unit {
            "d" | "day" | "days" => Self::days(number),
            "month" | "months" => Self::months(number),
            "y" | "year" | "years" => Self::years(number),
            _ => return Err(wrong()),
        };
        keeping.ok_or_else(wrong)
    }
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, unit.trim_start()))
}

/// A number of octets: a number, or text such as `50 MB` (millions) or `64 MiB` (2^20).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Octets(pub u64);

impl Octets {
    const WHAT: &'static str = "a size such as 50000000, \"50 MB\" or \"64 MiB\"";

    fn spell(text: &str) -> Option<Self> {
        let (number, unit) = split_unit(text)?;
        let factor = match unit.to_ascii_lowercase().as_str() {
            "b" => 1,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            _ => return None,
        };
        number.checked_mul(factor).map(Self)
    }
}

/// Octets in a length of time: `20 KB/5m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// So many octets.
    pub octets: u64,
    /// In so much time, which is not zero.
    pub window: Duration,
}

impl Spelled for Rate {
    const WHAT: &'static str = "a rate such as \"20 KB/5m\"";
    fn spell(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not {}", Self::WHAT);
        let (octets, window) = text.split_once('/').ok_or_else(wrong)?;
        let octets = Octets::spell(octets.trim()).ok_or_else(wrong)?.0;
        let window = Lapse::spell(window.trim()).map_err(|_| wrong())?.0;
        if window.is_zero() {
            return Err(format!(
                "{text:?} measures over no time; write a rate such as \"20 KB/5m\""
            ));
        }
        Ok(Self { octets, window })
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Octets;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(Octets::WHAT)
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Octets, E> {
                let number = u64::try_from(number).map_err(|_| E::custom("a size is not negative"))?;
                Ok(Octets(number))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Octets, E> {
                Ok(Octets(number))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Octets, E> {
                Octets::spell(text).ok_or_else(|| E::custom(format!("{text:?} is not {}", Octets::WHAT)))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

impl JsonSchema for Octets {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Octets".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"], "minimum": 0, "description": Self::WHAT })
    }
}

/// A day of the calendar: `2027-06-30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day(jiff::civil::Date);

impl Day {
    /// Its first instant, in UTC.
    #[must_use]
    pub fn begin(self) -> Timestamp {
        let midnight = self.0.to_zoned(jiff::tz::TimeZone::UTC);
        Timestamp(midnight.map_or(0, |at| at.timestamp().as_millisecond()))
    }

    /// The day.
    #[must_use]
    pub const fn date(self) -> jiff::civil::Date {
        self.0
    }

    /// Its last instant, in UTC.
    #[must_use]
    pub fn end(self) -> Timestamp {
        Timestamp(self.begin().0.saturating_add(86_400_000 - 1))
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = toml::value::Datetime::deserialize(deserializer)
            .map_err(|_| D::Error::custom("this is not a date; write it without quotes, as in 2027-06-30"))?;
        match (written.date, written.time) {
            (Some(date), None) => jiff::civil::Date::new(
                i16::try_from(date.year).unwrap_or(i16::MAX),
                i8::try_from(date.month).unwrap_or_default(),
                i8::try_from(date.day).unwrap_or_default(),
            )
            .map(Self)
            .map_err(|_| D::Error::custom("the calendar has no such day")),
            _ => Err(D::Error::custom(
                "this is not a date alone; write a day, as in 2027-06-30",
            )),
        }
    }
}

impl JsonSchema for Day {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Day".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date", "description": "a day such as 2027-06-30, without quotes" })
    }
}

/// One word, or a list of words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Words {
    /// `to = "any"`
    One(String),
    /// `to = ["example.edu"]`
    List(Vec<At<String>>),
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Words;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a word in quotes, or a list of them in brackets")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Words, E> {
                Ok(Words::One(text.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Words, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = list.next_element()? {
                    words.push(word);
                }
                Ok(Words::List(words))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

impl JsonSchema for Words {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Words".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_need_their_units() {
        assert_eq!(Lapse::spell("5m").unwrap().0, Duration::from_secs(300));
        assert_eq!(Lapse::spell("5 d").unwrap().0, Duration::from_secs(432_000));
        for wrong in ["5", "m", "", "5 w", "999999999999999999999s", "9999999999d", "5é"] {
            assert!(Lapse::spell(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Octets::spell("50 MB"), Some(Octets(50_000_000)));
        assert_eq!(Octets::spell("64MiB"), Some(Octets(64 << 20)));
        assert_eq!(Octets::spell("99999999999999 GiB"), None);
    }

    #[test]
    fn how_long_something_is_kept_may_be_said_in_months_and_years() {
        let days = |text| {
            Keeping::spell(text)
                .unwrap()
                .lapse()
                .map(|lapse| lapse.as_secs() / 86_400)
        };
        assert_eq!(
            [days("90d"), days("12 months"), days("1 month")],
            [Some(90), Some(365), Some(31)]
        );
        assert_eq!([days("7 years"), days("forever")], [Some(2555), None]);
        assert_eq!(Keeping::spell("12 months").unwrap().to_string(), "12 months");
        for wrong in ["12", "months", "1 fortnight", "999999 years", "12h", ""] {
            assert!(Keeping::spell(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rate_is_a_size_over_a_time() {
        let rate = Rate::spell("20 kB / 5m").unwrap();
        assert_eq!((rate.octets, rate.window), (20_000, Duration::from_secs(300)));
        assert_eq!(Rate::spell("0 B/5m").unwrap().octets, 0);
        for wrong in [
            "20 KB",
            "20/5m",
            "20 KB/5",
            "/",
            "",
            "20 KB/0s",
            "-1 KB/5m",
            "1 KB/5m/5m",
        ] {
            assert!(Rate::spell(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_network_with_bits_behind_its_mask_is_a_mistake() {
        assert_eq!(IpNet::spell("10.20.3.14").unwrap().to_string(), "10.20.3.14/32");
        assert_eq!(IpNet::spell("::ffff:10.20.3.14").unwrap().to_string(), "10.20.3.14/32");
        assert!(IpNet::spell("10.20.3.14/16").unwrap_err().contains("10.20.0.0/16"));
        assert!(IpNet::spell("10.20").is_err());
        // Judgement takes it for what it is; so do the checks of how wide it is and what it overlaps.
        assert_eq!(IpNet::spell("::ffff:10.0.0.0/104").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(IpNet::spell("::ffff:0:0/96").unwrap().to_string(), "0.0.0.0/0");
    }

    #[test]
    fn pins_are_64_digits_with_or_without_colons() {
        let digits = "0f".repeat(32);
        assert_eq!(Pin::spell(&digits).unwrap().0, [15; 32]);
        assert!(Pin::spell(digits.get(1..).unwrap()).is_err());
        assert!(Pin::spell("zz").is_err());
    }
}
