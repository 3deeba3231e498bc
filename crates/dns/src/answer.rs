//! The closed set of answers.

use std::fmt;
use std::time::Duration;

use mail::Domain;

/// What came of a lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// Records exist.
    Found {
        /// At least one, in the order they came.
        records: Vec<T>,
        /// For how long they may be remembered.
        ttl: Duration,
        /// Whether a trusted validating resolver vouches for them (the AD bit, RFC 4035 §3.2.3).
        secure: bool,
    },
    /// The name exists and has no such records.
    NoRecords,
    /// The name does not exist.
    NoDomain,
    /// Nobody could tell. Never to be read as an absence.
    Temporary(Trouble),
}

/// What came of a lookup of MX records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MxAnswer {
    /// Hosts take mail for the domain.
    Found {
        /// At least one, by rising preference; the order among equals is as they came.
        records: Vec<Mx>,
        /// For how long they may be remembered.
        ttl: Duration,
        /// Whether a trusted validating resolver vouches for them.
        secure: bool,
    },
    /// The domain says that it takes no mail (RFC 7505).
    Null {
        /// For how long this may be remembered.
        ttl: Duration,
    },
    /// The name exists and has no MX records: its own addresses stand in (RFC 5321 §5.1).
    NoRecords,
    /// The name does not exist.
    NoDomain,
    /// Nobody could tell.
    Temporary(Trouble),
}

/// One MX record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mx {
    /// Lower is tried first.
    pub preference: u16,
    /// The host.
    pub host: Domain,
}

/// Why nobody could tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// No server answered in time.
    Timeout,
    /// The server could not find out (SERVFAIL).
    ServerFailure,
    /// The server does not want to answer (REFUSED).
    Refused,
    /// No server could be reached.
    Unreachable,
    /// The answer made no sense, or its records name nothing that can be used.
    Malformed,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "no name server answered in time",
            Self::ServerFailure => "the name server could not find out (SERVFAIL)",
            Self::Refused => "the name server refused the question (REFUSED)",
            Self::Unreachable => "no name server could be reached",
            Self::Malformed => "the answer made no sense",
        })
    }
}

impl<T> Answer<T> {
    /// The records, where there are any.
    #[must_use]
    pub fn records(&self) -> &[T] {
        match self {
            Self::Found { records, .. } => records,
            Self::NoRecords | Self::NoDomain | Self::Temporary(_) => &[],
        }
    }

    /// Keeps what `read` makes of each record. Where records were found and none can be used, the answer is malformed:
    /// something is there, so it must not look like an absence.
    pub(crate) fn filter_map<U>(self, read: impl FnMut(T) -> Option<U>) -> Answer<U> {
        match self {
            Self::Found { records, ttl, secure } => {
                let records: Vec<U> = records.into_iter().filter_map(read).collect();
                if records.is_empty() {
                    return Answer::Temporary(Trouble::Malformed);
                }
                Answer::Found { records, ttl, secure }
            }
            Self::NoRecords => Answer::NoRecords,
            Self::NoDomain => Answer::NoDomain,
            Self::Temporary(why) => Answer::Temporary(why),
        }
    }

    /// This and another answer about the same name. Records win over a failure, a failure over an absence.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (
                Self::Found {
                    mut records,
                    ttl,
                    secure,
                },
                Self::Found {
                    records: more,
                    ttl: other_ttl,
                    secure: other_secure,
                },
            ) => {
                records.extend(more);
                Self::Found {
                    records,
                    ttl: ttl.min(other_ttl),
                    secure: secure && other_secure,
                }
            }
            (found @ Self::Found { .. }, _) | (_, found @ Self::Found { .. }) => found,
            (Self::Temporary(why), _) | (_, Self::Temporary(why)) => Self::Temporary(why),
            (Self::NoDomain, Self::NoDomain) => Self::NoDomain,
            (Self::NoRecords, _) | (_, Self::NoRecords) => Self::NoRecords,
        }
    }
}

impl MxAnswer {
    /// Reads an answer of (preference, host), where a host of `None` is the root, `.`.
    pub(crate) fn read(answer: Answer<(u16, Option<Domain>)>) -> Self {
        if let Answer::Found { records, ttl, .. } = &answer
            && records.iter().all(|(_, host)| host.is_none())
        {
            // RFC 7505 §3 wants a single record of preference 0; a root alone can mean nothing else.
            return Self::Null { ttl: *ttl };
        }
        match answer.filter_map(|(preference, host)| {
            Some(Mx {
                preference,
                host: host?,
            })
        }) {
            Answer::Found {
                mut records,
                ttl,
                secure,
            } => {
                records.sort_by_key(|mx| mx.preference);
                Self::Found { records, ttl, secure }
            }
            Answer::NoRecords => Self::NoRecords,
            Answer::NoDomain => Self::NoDomain,
            Answer::Temporary(why) => Self::Temporary(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(records: &[u8]) -> Answer<u8> {
        Answer::Found {
            records: records.to_vec(),
            ttl: Duration::from_secs(60),
            secure: false,
        }
    }

    #[test]
    fn a_failure_never_turns_into_an_absence() {
        let failed = Answer::<u8>::Temporary(Trouble::ServerFailure);
        assert_eq!(failed.clone().and(Answer::NoRecords), failed);
        assert_eq!(Answer::NoDomain.and(failed.clone()), failed);
        assert_eq!(failed.and(found(&[1])), found(&[1]));
        assert_eq!(found(&[1]).and(found(&[2])), found(&[1, 2]));
        assert_eq!(
            found(&[1]).filter_map(|_| None::<u8>),
            Answer::Temporary(Trouble::Malformed)
        );
    }

    #[test]
    fn a_root_alone_is_a_null_mx_and_beside_others_it_is_nothing() {
        let ttl = Duration::from_secs(60);
        let host = Domain::parse("mx.example.org").unwrap();
        let read = |records| {
            MxAnswer::read(Answer::Found {
                records,
                ttl,
                secure: false,
            })
        };
        assert_eq!(read(vec![(0, None)]), MxAnswer::Null { ttl });
        let records = vec![Mx {
            preference: 10,
            host: host.clone(),
        }];
        assert_eq!(
            read(vec![(0, None), (10, Some(host))]),
            MxAnswer::Found {
                records,
                ttl,
                secure: false
            }
        );
    }
}
