//! Somebody who issues tokens: a key, and what is signed with it.

use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Its name, as it stands in its tokens.
pub const ISSUER: &str = "https://login.example.edu";

/// An issuer.
pub struct Issuer(Mutex<Signing>);

/// Its key, and how many it had.
struct Signing {
    key: EcdsaKeyPair,
    number: u32,
}

impl Issuer {
    pub fn new() -> Self {
        Self(Mutex::new(Signing {
            key: fresh(),
            number: 1,
        }))
    }

    /// Signs with another key from now on, and publishes that one alone.
    pub fn rotate(&self) {
        let mut signing = self.0.lock().unwrap();
        signing.key = fresh();
        signing.number += 1;
    }

    /// What it publishes.
    pub fn keys(&self) -> String {
        let signing = self.0.lock().unwrap();
        let point = signing.key.public_key().as_ref();
        let part = |from: usize| URL_SAFE_NO_PAD.encode(&point[from..from + 32]);
        let key =
            json!({ "kty": "EC", "crv": "P-256", "kid": signing.number.to_string(), "x": part(1), "y": part(33) });
        json!({ "keys": [key] }).to_string()
    }

    /// A token that claims this, and ends in so many seconds.
    pub fn token(&self, mut claims: Value, ends_in: i64) -> String {
        let signing = self.0.lock().unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
        claims["iss"] = json!(ISSUER);
        claims["exp"] = json!(now + ends_in);
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = json!({ "alg": "ES256", "kid": signing.number.to_string() });
        let signed = format!("{}.{}", part(head), part(claims));
        let signature = signing.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn fresh() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()
}
