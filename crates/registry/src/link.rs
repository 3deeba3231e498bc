//! Links that answer without a login: each for one purpose, one case and one address, and good once.
//!
//! A link carries 256 random bits and nothing else. What they stand for is kept in the registry under their SHA-256, so
//! that whoever reads the registry, or its backup, holds no link.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use mail::Timestamp;
use world::Rng;
use zeroize::Zeroizing;

use crate::attestation::ListId;
use crate::calendar::Calendar;
use crate::store::CaseId;

/// Business days in which most links can be used.
const BUSINESS_DAYS: u32 = 20;
/// How long a secret waits to be fetched.
const SECRET: Duration = Duration::from_secs(72 * 3600);
/// Random octets of a token.
const OCTETS: usize = 32;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// The head takes the risk of an exception, or declines.
    Acknowledge,
    /// The requestor shows that the address is theirs.
    VerifyMail,
    /// Its people say whether an idle grant is still needed.
    KeepOrRemove,
    /// The technical contact fetches the secret, which is made in that moment.
    Secret,
    /// Its owner renews it.
    Renew,
    /// A head says which grants of a list their department still needs.
    Attest,
    /// Who goes and who comes agree that others operate it, or answer for it.
    Contacts,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 7] = [
        Self::Acknowledge,
        Self::VerifyMail,
        Self::KeepOrRemove,
        Self::Secret,
        Self::Renew,
        Self::Attest,
        Self::Contacts,
    ];

    /// As it is stored.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::VerifyMail => "verify-mail",
            Self::KeepOrRemove => "keep-or-remove",
            Self::Secret => "secret",
            Self::Renew => "renew",
            Self::Attest => "attest",
            Self::Contacts => "contacts",
        }
    }

    /// The purpose of this code.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.code() == code)
    }

    /// The last instant at which a link that is sent now can be used.
    #[must_use]
    pub fn ends(self, now: Timestamp, calendar: &Calendar) -> Timestamp {
        match self {
            Self::Secret => now.plus(SECRET),
            _ => calendar.business_days_after(now, BUSINESS_DAYS),
        }
    }

    /// Whether it is about exactly what was asked for when it was sent.
    #[must_use]
    pub const fn is_about_the_request(self) -> bool {
        matches!(self, Self::Acknowledge)
    }
}

/// What a link carries. It opens something: it stands in one letter and nowhere else.
pub struct Token(Zeroizing<String>);

/// SHA-256 of a token, under which its link is kept.
pub type TokenHash = [u8; 32];

impl Token {
    /// A fresh one.
    #[must_use]
    pub fn fresh(rng: &dyn Rng) -> Self {
        let mut octets = Zeroizing::new([0; OCTETS]);
        rng.fill(&mut *octets);
        let mut text = Zeroizing::new(String::with_capacity(2 * OCTETS));
        for octet in octets.iter() {
            for nibble in [octet >> 4, octet & 15] {
                text.push(char::from_digit(nibble.into(), 16).unwrap_or('0'));
            }
        }
        Self(text)
    }

    /// Reads one; `None` where it cannot be one of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = |octet: u8| matches!(octet, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == 2 * OCTETS && text.bytes().all(is_hex)).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// As it stands in a link.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        let mut hash = [0; 32];
        for (into, octet) in hash.iter_mut().zip(digest(&SHA256, self.0.as_bytes()).as_ref()) {
            *into = *octet;
        }
        hash
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// What a link stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whose case; of a list, one of those on it.
    pub case: CaseId,
    /// Which list, where it is about one.
    pub list: Option<ListId>,
    /// What for.
    pub purpose: Purpose,
    /// Where it was sent to: who answers by it has shown to read mail there.
    pub address: Box<str>,
    /// SHA-256 of what was asked for when it was sent, or of the list as it was shown.
    pub request: [u8; 32],
    /// When it was sent.
    pub made: Timestamp,
    /// The last instant at which it can be used.
    pub ends: Timestamp,
    /// When it was used.
    pub used: Option<Timestamp>,
}

/// Where an answer came from, as evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whence {
    /// The address it was sent from.
    pub address: String,
    /// What the program that sent it calls itself.
    pub agent: String,
}

/// Why a link does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeadLink {
    /// There is none like it.
    #[error("this link is not one of ours; copy it whole from the letter")]
    Unknown,
    /// It was used.
    #[error("this link was used on {} already; if that was not you, tell the help desk", .0.to_date())]
    Used(Timestamp),
    /// Its time is over.
    #[error("this link could be used until {}; ask for another one", .0.to_date())]
    Ended(Timestamp),
    /// What it was about was changed since.
    #[error("the request was edited since this link was sent; a new link was sent, or will be")]
    Void,
    /// The list it was about was answered, or is somebody else's to answer by now.
    #[error("this list has been answered already, or somebody else answers it by now")]
    Settled,
}

impl Link {
    /// Whether it works now, for a case that asks for this now.
    pub fn works(&self, request: &[u8; 32], now: Timestamp) -> Result<(), DeadLink> {
        if let Some(at) = self.used {
            return Err(DeadLink::Used(at));
        }
        if now > self.ends {
            return Err(DeadLink::Ended(self.ends));
        }
        if self.purpose.is_about_the_request() && self.request != *request {
            return Err(DeadLink::Void);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A Sunday.
    const NOW: Timestamp = Timestamp::from_secs(1_795_305_600);

    #[test]
    fn a_token_is_read_back_and_says_nothing_to_a_log() {
        let token = Token::fresh(&world::SystemRng);
        let again = Token::parse(token.as_str()).unwrap();
        assert_eq!(again.hash(), token.hash());
        assert_ne!(Token::fresh(&world::SystemRng).hash(), token.hash());
        assert_eq!(format!("{token:?}"), "Token(..)");
        let long = format!("{}0", token.as_str());
        for wrong in ["", "zz", &token.as_str().replace(|_| true, "G"), &long, "ä"] {
            assert!(Token::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_secret_waits_for_three_days_and_everything_else_for_twenty_business_days() {
        let calendar = Calendar::default();
        assert_eq!(
            Purpose::Secret.ends(NOW, &calendar),
            NOW.plus(Duration::from_secs(72 * 3600))
        );
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::of_code(purpose.code()), Some(purpose));
            if purpose != Purpose::Secret {
                assert_eq!(purpose.ends(NOW, &calendar), calendar.business_days_after(NOW, 20));
            }
        }
    }

    #[test]
    fn it_works_until_its_last_instant_once_and_only_for_what_it_was_sent_for() {
        let link = Link {
            case: CaseId(1001),
            list: None,
            purpose: Purpose::Acknowledge,
            address: "dean@example.edu".into(),
            request: [1; 32],
            made: NOW,
            ends: NOW.plus(Duration::from_secs(60)),
            used: None,
        };
        assert_eq!(link.works(&[1; 32], link.ends), Ok(()));
        let late = link.ends.plus(Duration::from_millis(1));
        assert_eq!(link.works(&[1; 32], late), Err(DeadLink::Ended(link.ends)));
        assert_eq!(link.works(&[2; 32], NOW), Err(DeadLink::Void));
        let used = Link {
            used: Some(NOW),
            ..link.clone()
        };
        assert_eq!(used.works(&[1; 32], NOW), Err(DeadLink::Used(NOW)));
        let renew = Link {
            purpose: Purpose::Renew,
            ..link
        };
        assert_eq!(renew.works(&[2; 32], NOW), Ok(()));
    }
}
