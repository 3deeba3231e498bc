//! What a device or program shows to prove who it is: a generated secret, or a certificate. Several hold at once, so that
//! one can take the place of another without an interruption.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use mail::{SubjectName, Timestamp};
use policy::{CertificateId, Name};
use serde::{Deserialize, Serialize};
use world::Rng;
use zeroize::Zeroizing;

/// Letters and digits without those that look alike: 0 O, 1 l I.
const ALPHABET: &[u8; 57] = b"23456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ";
/// Characters of a secret: some 116 bits, and the most some copiers take.
const SECRET_LENGTH: usize = 20;
/// How long the old secret holds beside the one that takes its place.
pub const OVERLAP: Duration = Duration::from_secs(14 * 86_400);

/// A secret, in the clear. It is shown once and kept nowhere; its memory is wiped.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// A fresh one, for a device or program: 20 characters that can be read aloud.
    #[must_use]
    pub fn fresh(rng: &dyn Rng) -> Self {
        // Octets above the last multiple of the alphabet's length would make its first letters likelier.
        let whole = 256 / ALPHABET.len() * ALPHABET.len();
        let mut secret = Zeroizing::new(String::with_capacity(SECRET_LENGTH));
        while secret.len() < SECRET_LENGTH {
            let mut octet = [0];
            rng.fill(&mut octet);
            let [octet] = octet.map(usize::from);
            if octet < whole
                && let Some(letter) = ALPHABET.get(octet % ALPHABET.len())
            {
                secret.push(char::from(*letter));
            }
        }
        Self(secret)
    }

    /// One that a person chose, which [`chosen::check`](crate::chosen::check) took.
    #[must_use]
    pub fn chosen(password: &str) -> Self {
        Self(crate::chosen::prepared(password))
    }

    /// Whether a text has the form of a secret that was made here. Letters of one case alone are words.
    #[must_use]
    pub fn could_be(text: &str) -> bool {
        let kinds = [u8::is_ascii_digit, u8::is_ascii_lowercase, u8::is_ascii_uppercase];
        let mixed = kinds
            .iter()
            .filter(|kind| text.bytes().any(|octet| kind(&octet)))
            .count()
            > 1;
        text.len() == SECRET_LENGTH && mixed && text.bytes().all(|octet| ALPHABET.contains(&octet))
    }
}

impl Deref for Secret {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What kind of proof it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CredentialKind {
    /// A generated secret, typed into a device.
    DeviceSecret,
    /// A generated secret of one program among several under the same grant.
    ApplicationPassword,
    /// A certificate, known by its key or by a name in it.
    Certificate,
    /// A token that somebody else issues, known by what it claims.
    Token,
    /// An account of a directory, known by its login there.
    Account,
}

impl CredentialKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::DeviceSecret,
        Self::ApplicationPassword,
        Self::Certificate,
        Self::Token,
        Self::Account,
    ];

    /// As it is stored and shown.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::DeviceSecret => "device-secret",
            Self::ApplicationPassword => "application-password",
            Self::Certificate => "certificate",
            Self::Token => "token",
            Self::Account => "account",
        }
    }

    /// The kind of this code.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// What a server keeps for SCRAM-SHA-256 instead of the secret (RFC 5802, section 3).
#[derive(Clone, PartialEq, Eq)]
pub struct ScramVerifier {
    /// The salt.
    pub salt: Box<[u8]>,
    /// How often the hash was made.
    pub iterations: u32,
    /// Checks the client.
    pub stored_key: [u8; 32],
    /// Shows the client that the server knows it.
    pub server_key: [u8; 32],
}

impl fmt::Debug for ScramVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramVerifier(..)")
    }
}

/// What is kept of a credential to check it by. No secret can be read from it.
#[derive(Clone, PartialEq, Eq)]
pub enum Proof {
    /// Of a secret.
    Secret {
        /// Its Argon2id hash, in PHC notation.
        argon2: Box<str>,
        /// For SCRAM, where that may be used.
        scram: Option<ScramVerifier>,
    },
    /// SHA-256 of a certificate's SubjectPublicKeyInfo.
    Key([u8; 32]),
    /// A name in a certificate, for which an authority vouches.
    Subject(Subject),
    /// A token that somebody else issues, for whoever it says this of.
    Token(Claimed),
    /// The directory's word for whoever logs in so.
    Account(Box<str>),
}

/// A name in a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Who vouches for it, by the name that the configuration gives them.
    pub authority: Box<str>,
    /// The name, as in `dns:ups-7.example.edu`.
    pub name: Box<str>,
}

/// What a token has to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// Who issues it, by the name that the configuration gives them.
    pub issuer: Box<str>,
    /// Each of these, exactly; at least one.
    pub claims: BTreeMap<String, String>,
}

impl Proof {
    /// By what the gates know a certificate, where it is one.
    #[must_use]
    pub fn certificate(&self) -> Option<CertificateId> {
        match self {
            Self::Key(key) => Some(CertificateId::Key(*key)),
            Self::Subject(subject) => Some(CertificateId::Subject {
                authority: (&*subject.authority).into(),
                name: SubjectName::parse(&subject.name).ok()?,
            }),
            Self::Secret { .. } | Self::Token(_) | Self::Account(_) => None,
        }
    }

    /// The login of a directory, where it is one.
    #[must_use]
    pub fn account(&self) -> Option<Name> {
        match self {
            Self::Account(login) => Some((&**login).into()),
            Self::Secret { .. } | Self::Key(_) | Self::Subject(_) | Self::Token(_) => None,
        }
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret { .. } => "Secret(..)",
            Self::Key(_) => "Key(..)",
            Self::Subject(_) => "Subject(..)",
            Self::Token(_) => "Token(..)",
            Self::Account(_) => "Account(..)",
        })
    }
}

/// A credential that is about to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCredential {
    /// What kind.
    pub kind: CredentialKind,
    /// What its people call it: `copier`, `nightly import`.
    pub label: Box<str>,
    /// What to check it by.
    pub proof: Proof,
}

/// A credential of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Its number within the grant, from 1.
    pub number: u32,
    /// What kind.
    pub kind: CredentialKind,
    /// What its people call it.
    pub label: Box<str>,
    /// What to check it by.
    pub proof: Proof,
    /// When it was made.
    pub made: Timestamp,
    /// The last instant at which it holds; as long as its grant where nothing is said.
    pub ends: Option<Timestamp>,
    /// When it was used last.
    pub used: Option<Timestamp>,
}

impl Credential {
    /// Whether it holds at this time.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ends.is_none_or(|ends| now <= ends)
    }
}

/// What follows when one of this kind and label takes the place of those there are: which of them end, and when. None
/// holds longer than it would have; those of other kinds and labels are left alone.
#[must_use]
pub fn superseded(
    all: &[Credential],
    kind: CredentialKind,
    label: &str,
    now: Timestamp,
    overlap: Duration,
) -> Vec<(u32, Timestamp)> {
    let end = now.plus(overlap);
    let replaced = all
        .iter()
        .filter(|one| one.kind == kind && *one.label == *label && one.is_live(now));
    replaced
        .filter(|one| one.ends.is_none_or(|ends| ends > end))
        .map(|one| (one.number, end))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    const NOW: Timestamp = Timestamp::from_secs(1_795_305_600);

    /// Every octet as often as every other, in an order that is no letter's friend.
    struct Even(AtomicU64);

    impl Rng for Even {
        fn fill(&self, buffer: &mut [u8]) {
            for octet in buffer {
                *octet = (self.0.fetch_add(167, Ordering::Relaxed) & 0xff) as u8;
            }
        }
    }

    #[test]
    fn a_fresh_secret_can_be_read_aloud_and_says_nothing_to_a_log() {
        let secret = Secret::fresh(&world::SystemRng);
        assert_eq!(secret.len(), SECRET_LENGTH);
        let readable = |c: char| c.is_ascii_alphanumeric() && !"0O1lI".contains(c);
        assert!(secret.chars().all(readable));
        assert_ne!(*secret, *Secret::fresh(&world::SystemRng));
        assert!(Secret::could_be(&secret));
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }

    #[test]
    fn no_letter_of_a_secret_is_likelier_than_another() {
        let rng = Even(AtomicU64::new(0));
        let mut seen: BTreeMap<char, u32> = BTreeMap::new();
        // 57 letters, four octets each: 228 letters of every 256 octets, the other 28 are passed over.
        for _ in 0..228 {
            for letter in Secret::fresh(&rng).chars() {
                *seen.entry(letter).or_default() += 1;
            }
        }
        assert_eq!(seen.len(), ALPHABET.len());
        assert!(seen.values().all(|times| *times == 80), "{seen:?}");
    }

    fn credential(number: u32, kind: CredentialKind, label: &str, ends: Option<Timestamp>) -> Credential {
        Credential {
            number,
            kind,
            label: label.into(),
            proof: Proof::Key([7; 32]),
            made: NOW,
            ends,
            used: None,
        }
    }

    #[test]
    fn the_old_secret_holds_for_fourteen_days_beside_the_new_one_and_never_longer_than_before() {
        use CredentialKind::{ApplicationPassword, DeviceSecret};
        let soon = NOW.plus(Duration::from_secs(3600));
        let past = Timestamp(NOW.0 - 1);
        let all = [
            credential(1, DeviceSecret, "copier", Some(past)),
            credential(2, DeviceSecret, "copier", Some(soon)),
            credential(3, DeviceSecret, "copier", None),
            credential(4, ApplicationPassword, "copier", None),
            credential(5, DeviceSecret, "plotter", None),
        ];
        let ended = superseded(&all, DeviceSecret, "copier", NOW, OVERLAP);
        assert_eq!(ended, [(3, NOW.plus(Duration::from_secs(14 * 86_400)))]);
        let at_once = superseded(&all, DeviceSecret, "copier", NOW, Duration::ZERO);
        assert_eq!(at_once, [(2, NOW), (3, NOW)]);
        assert!(all[1].is_live(soon) && !all[1].is_live(soon.plus(Duration::from_millis(1))));
    }

    #[test]
    fn nothing_of_a_proof_is_shown() {
        let scram = ScramVerifier {
            salt: [1; 16].into(),
            iterations: 15_000,
            stored_key: [2; 32],
            server_key: [3; 32],
        };
        let proof = Proof::Secret {
            argon2: "$argon2id$v=19$...".into(),
            scram: Some(scram.clone()),
        };
        assert_eq!(format!("{proof:?} {scram:?}"), "Secret(..) ScramVerifier(..)");
        assert_eq!(CredentialKind::of_code("secret"), None);
        for kind in CredentialKind::ALL {
            assert_eq!(CredentialKind::of_code(kind.code()), Some(kind));
        }
    }
}
