//! An issuer's keys, as it publishes them (RFC 7517).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::jwt::{Algorithm, Key, Material};

/// Keys of one issuer at most.
const KEYS_MAX: usize = 64;

#[derive(serde::Deserialize)]
struct Set {
    keys: Vec<Written>,
}

/// A key as it is written; what is not for signatures, or not known to us, is passed over (RFC 7517 §5).
#[derive(serde::Deserialize)]
struct Written {
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    kid: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// Reads a set of keys; `None` where it is none. A shared secret among them is none of ours to use.
pub(super) fn read(text: &[u8]) -> Option<Vec<Key>> {
    let set: Set = serde_json::from_slice(text).ok()?;
    Some(set.keys.into_iter().filter_map(key).take(KEYS_MAX).collect())
}

fn key(written: Written) -> Option<Key> {
    let octets = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_ref()?).ok();
    let point = |size: usize| {
        let (x, y) = (octets(&written.x)?, octets(&written.y)?);
        // SEC 1 §2.3.3: uncompressed.
        (x.len() == size && y.len() == size).then(|| [&[4][..], &x, &y].concat())
    };
    let material = match (written.kty.as_str(), written.crv.as_deref()) {
        ("RSA", _) => Material::Rsa {
            modulus: octets(&written.n)?,
            exponent: octets(&written.e)?,
        },
        ("EC", Some("P-256")) => Material::P256(point(32)?),
        ("EC", Some("P-384")) => Material::P384(point(48)?),
        ("OKP", Some("Ed25519")) => Material::Ed25519(octets(&written.x)?),
        _ => return None,
    };
    let algorithm = match &written.alg {
        Some(name) => Some(Algorithm::named(name)?),
        None => None,
    };
    let signs = written.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
    signs.then_some(Key {
        id: written.kid,
        algorithm,
        material,
    })
}
