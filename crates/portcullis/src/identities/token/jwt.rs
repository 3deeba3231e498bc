//! A token: who signed it, for whom, until when (RFC 7519, RFC 7515, RFC 8725).
//!
//! Pure: a text, keys, rules and the time in; claims or a fault out. The algorithm is one of those that we allow *and* one
//! of the key's own kind, whatever the token says; there is no word here for "none" or for a shared secret.

use aws_lc_rs::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mail::Timestamp;
use serde_json::{Map, Value};

/// How much the clocks of issuers may differ from ours.
const LEEWAY_SECS: i64 = 60;

/// How a token may be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
pub enum Algorithm {
    /// RSA with PKCS #1 padding.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSA with PSS.
    #[serde(rename = "PS256")]
    Ps256,
    /// ECDSA on P-256.
    #[serde(rename = "ES256")]
    Es256,
    /// ECDSA on P-384.
    #[serde(rename = "ES384")]
    Es384,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "PS256" => Self::Ps256,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "EdDSA" => Self::EdDsa,
            _ => return None,
        })
    }
}

/// What an issuer's tokens have to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Who issues them, octet by octet.
    pub issuer: String,
    /// Whom they are for; one of these.
    pub audiences: Vec<String>,
    /// How they are signed.
    pub algorithms: Vec<Algorithm>,
}

/// What a token says.
pub(super) type Claims = Map<String, Value>;

/// Why a token is worth nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is no token.
    Malformed,
    /// It is signed in a way that is not allowed.
    Algorithm,
    /// None of the keys is its own.
    UnknownKey,
    /// Nobody we know signed this.
    Signature,
    /// Somebody else issued it.
    Issuer,
    /// It is for somebody else.
    Audience,
    /// It has ended, or has no end.
    Expired,
    /// It has not begun.
    NotYet,
    /// It only counts together with a key that whoever shows it would have to prove (RFC 7800), and here nobody can.
    Bound,
    /// Its issuer says that it is none of its own, or no longer.
    Inactive,
}

/// A public key of an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) id: Option<String>,
    /// The one algorithm it is for, where the issuer says so.
    pub(super) algorithm: Option<Algorithm>,
    pub(super) material: Material,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Material {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// A token taken apart, and not yet believed.
pub(super) struct Token<'a> {
    algorithm: Algorithm,
    key: Option<String>,
    signed: &'a str,
    signature: Vec<u8>,
    claims: Claims,
}

#[derive(serde::Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood (RFC 7515 §4.1.11); none is.
    crit: Option<Value>,
}

impl<'a> Token<'a> {
    pub(super) fn read(text: &'a str) -> Result<Self, Fault> {
        let (signed, signature) = text.rsplit_once('.').ok_or(Fault::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Fault::Malformed)?;
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Fault::Malformed);
        let header: Header = serde_json::from_slice(&decoded(header)?).map_err(|_| Fault::Malformed)?;
        if header.crit.is_some() {
            return Err(Fault::Malformed);
        }
        Ok(Self {
            algorithm: Algorithm::named(&header.alg).ok_or(Fault::Algorithm)?,
            key: header.kid,
            signed,
            signature: decoded(signature)?,
            claims: serde_json::from_slice(&decoded(claims)?).map_err(|_| Fault::Malformed)?,
        })
    }

    /// Who it says issued it. Not believed: it only tells whose keys to try.
    pub(super) fn says_issuer(&self) -> Option<&str> {
        self.claims.get("iss")?.as_str()
    }

    /// What it says, if all of it holds.
    pub(super) fn check(&self, keys: &[Key], rules: &Rules, now: Timestamp) -> Result<&Claims, Fault> {
        if !rules.algorithms.contains(&self.algorithm) {
            return Err(Fault::Algorithm);
        }
        self.check_signature(keys)?;
        if self.says_issuer() != Some(&*rules.issuer) {
            return Err(Fault::Issuer);
        }
        rules.check_audience(&self.claims)?;
        if !self.claims.contains_key("exp") {
            return Err(Fault::Expired);
        }
        check_time(&self.claims, now.secs())?;
        Ok(&self.claims)
    }

    fn check_signature(&self, keys: &[Key]) -> Result<(), Fault> {
        let mut tried = keys
            .iter()
            .filter(|key| self.key.is_none() || key.id == self.key)
            .filter(|key| key.algorithm.is_none_or(|only| only == self.algorithm))
            .map(|key| {
                key.material
                    .verifies(self.algorithm, self.signed.as_bytes(), &self.signature)
            })
            .peekable();
        tried.peek().ok_or(Fault::UnknownKey)?;
        if tried.any(|right| right) {
            Ok(())
        } else {
            Err(Fault::Signature)
        }
    }
}

impl Rules {
    /// Whether what an issuer tells of a token that it calls active is true of one for us. Its name and the token's end
    /// may be missing, as it answers for both itself; whom the token is for may not.
    pub(super) fn check_told(&self, claims: &Claims, now: Timestamp) -> Result<(), Fault> {
        if claims
            .get("iss")
            .is_some_and(|said| said.as_str() != Some(&*self.issuer))
        {
            return Err(Fault::Issuer);
        }
        self.check_audience(claims)?;
        check_time(claims, now.secs())
    }

    /// Whether a token is for us, and for whoever shows it.
    fn check_audience(&self, claims: &Claims) -> Result<(), Fault> {
        let is_for_us = |said: &Value| {
            said.as_str()
                .is_some_and(|said| self.audiences.iter().any(|us| us == said))
        };
        let audience = match claims.get("aud") {
            Some(Value::Array(all)) => all.iter().any(is_for_us),
            Some(one) => is_for_us(one),
            None => false,
        };
        match (audience, claims.contains_key("cnf")) {
            (false, _) => Err(Fault::Audience),
            (true, true) => Err(Fault::Bound),
            (true, false) => Ok(()),
        }
    }
}

/// Whether it has not ended, and has begun, as far as it says.
fn check_time(claims: &Claims, now: i64) -> Result<(), Fault> {
    let end = claims.get("exp");
    if end.is_some() && seconds(end).is_none_or(|end| now > end.saturating_add(LEEWAY_SECS)) {
        return Err(Fault::Expired);
    }
    let begin = claims.get("nbf");
    if begin.is_some() && seconds(begin).is_none_or(|begin| begin > now.saturating_add(LEEWAY_SECS)) {
        return Err(Fault::NotYet);
    }
    Ok(())
}

/// A NumericDate; fractions are cut off.
#[expect(
    clippy::cast_possible_truncation,
    reason = "as far as i64 reaches, which saturates, is far enough for a date"
)]
pub(super) fn seconds(claim: Option<&Value>) -> Option<i64> {
    let claim = claim?;
    claim
        .as_i64()
        .or_else(|| claim.as_f64().map(|fraction| fraction as i64))
}

impl Material {
    fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let ec = |kind: &'static signature::EcdsaVerificationAlgorithm, point: &Vec<u8>| {
            UnparsedPublicKey::new(kind, point).verify(message, signature).is_ok()
        };
        let rsa = |kind: &'static signature::RsaParameters, n: &Vec<u8>, e: &Vec<u8>| {
            RsaPublicKeyComponents { n, e }.verify(kind, message, signature).is_ok()
        };
        match (algorithm, self) {
            (Algorithm::Rs256, Self::Rsa { modulus, exponent }) => {
                rsa(&signature::RSA_PKCS1_2048_8192_SHA256, modulus, exponent)
            }
            (Algorithm::Ps256, Self::Rsa { modulus, exponent }) => {
                rsa(&signature::RSA_PSS_2048_8192_SHA256, modulus, exponent)
            }
            (Algorithm::Es256, Self::P256(point)) => ec(&signature::ECDSA_P256_SHA256_FIXED, point),
            (Algorithm::Es384, Self::P384(point)) => ec(&signature::ECDSA_P384_SHA384_FIXED, point),
            (Algorithm::EdDsa, Self::Ed25519(point)) => UnparsedPublicKey::new(&signature::ED25519, point)
                .verify(message, signature)
                .is_ok(),
            _ => false,
        }
    }
}
