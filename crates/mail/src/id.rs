//! Ids that a person can read over the telephone.

use std::fmt;
use std::str::FromStr;

/// Crockford's base 32: no I, L, O or U, so nothing is misheard or misread.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters of an id: 60 bits at 5 bits each.
const LENGTH: usize = 12;
/// Ids are numbers below this.
const LIMIT: u64 = 1 << 60;

/// A text that is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdError;

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id has twelve letters and digits, such as 06M3K8FQ2XRA")
    }
}

impl std::error::Error for IdError {}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u64);

        impl $name {
            /// The id with this number; the number is cut to 60 bits.
            #[must_use]
            pub const fn new(number: u64) -> Self {
                Self(number % LIMIT)
            }

            /// The id as a number below 2^60.
            #[must_use]
            pub const fn number(self) -> u64 {
                self.0
            }

            /// The id as everybody sees it, in US-ASCII.
            #[must_use]
            pub fn text(self) -> [u8; LENGTH] {
                base32(self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                read_base32(text).map(Self)
            }
        }
    };
}

id! {
    /// One message, from its acceptance to its end; said in our 250 and in the Received line.
    MessageId
}
id! {
    /// One connection of a client.
    SessionId
}
id! {
    /// One thing that happened and was logged: a refusal names it, a help desk looks it up.
    EventId
}
id! {
    /// One try to deliver to one destination.
    AttemptId
}

fn base32(number: u64) -> [u8; LENGTH] {
    let mut text = [0; LENGTH];
    let mut rest = number;
    for slot in text.iter_mut().rev() {
        *slot = ALPHABET.get((rest % 32) as usize).copied().unwrap_or(b'0');
        rest /= 32;
    }
    text
}

fn read_base32(text: &str) -> Result<u64, IdError> {
    if text.len() != LENGTH {
        return Err(IdError);
    }
    text.bytes().try_fold(0u64, |number, octet| {
        let octet = match octet.to_ascii_uppercase() {
            b'O' => b'0',
            b'I' | b'L' => b'1',
            other => other,
        };
        let digit = ALPHABET.iter().position(|c| *c == octet).ok_or(IdError)?;
        Ok(number * 32 + digit as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        for number in [0, 1, 31, 32, LIMIT - 1, 0x0123_4567_89ab_cdef % LIMIT] {
            let id = MessageId::new(number);
            assert_eq!(id.to_string().parse::<MessageId>().unwrap(), id);
        }
    }

    #[test]
    fn letters_that_look_like_digits_are_taken_for_them() {
        assert_eq!("OOOOOOOOOOOL".parse::<EventId>().unwrap(), EventId::new(1));
        assert_eq!("".parse::<EventId>(), Err(IdError));
        assert_eq!("!!!!!!!!!!!!".parse::<EventId>(), Err(IdError));
    }
}
