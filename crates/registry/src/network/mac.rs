//! A machine's address on its own wire.

use std::fmt;

/// Six octets (EUI-48).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Reads `00:00:5e:00:53:01`, `00-00-5E-00-53-01`, `0000.5e00.5301` or `00005e005301`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text
            .bytes()
            .filter(|octet| !matches!(octet, b':' | b'-' | b'.'))
            .map(|octet| {
                char::from(octet)
                    .to_digit(16)
                    .and_then(|digit| u8::try_from(digit).ok())
            })
            .collect::<Option<_>>()?;
        let mut mac = [0; 6];
        if digits.len() != 12 {
            return None;
        }
        for (into, pair) in mac.iter_mut().zip(digits.chunks_exact(2)) {
            *into = pair.iter().fold(0, |octet, digit| octet << 4 | digit);
        }
        Some(Self(mac))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_write_it_is_read_and_one_is_written() {
        for text in [
            "00:00:5e:00:53:0a",
            "00-00-5E-00-53-0A",
            "0000.5e00.530a",
            "00005E00530A",
        ] {
            assert_eq!(Mac::parse(text).unwrap().to_string(), "00:00:5e:00:53:0a");
        }
        for text in [
            "",
            "00:00:5e:00:53",
            "00:00:5e:00:53:0a:01",
            "00:00:5e:00:53:xx",
            "büro",
        ] {
            assert_eq!(Mac::parse(text), None, "{text}");
        }
    }
}
