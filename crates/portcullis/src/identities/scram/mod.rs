//! SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), the server's side, without sockets.
//!
//! The client never sends its secret: it shows that it can compute what only the secret leads to, and hears back that we
//! know as much. What we keep (a [`Verifier`]) is of no use to log in with. With -PLUS the proof is bound to the TLS
//! session it is made in (RFC 9266), so that nobody in between can pass it on.
//!
//! ```text
//!   client-first  n,,n=LOGIN,r=NONCE            message.rs reads it
//!   server-first  r=NONCE+OURS,s=SALT,i=COUNT   ClientFirst::challenge
//!   client-final  c=BINDING,r=NONCE+OURS,p=PROOF
//!   server-final  v=SIGNATURE                   Expecting::check
//! ```

mod message;
mod verifier;

use aws_lc_rs::{constant_time, digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use message::{ClientFinal, Flag};

pub(super) use message::ClientFirst;
pub use verifier::{ITERATIONS, Verifier};

/// The kind of binding that TLS 1.3 has (RFC 9266).
const BINDING: &str = "tls-exporter";

/// What the TLS session gives to bind an exchange to.
#[derive(Clone)]
pub(super) enum Channel {
    /// Nothing, or the client chose a mechanism without.
    Unbound {
        /// Whether -PLUS was offered beside it: who then says that it was not has been lied to.
        plus_offered: bool,
    },
    /// These octets, and the client chose -PLUS.
    Bound(Vec<u8>),
}

/// Why an exchange ended without a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It does not follow the mechanism.
    Malformed,
    /// The client could have bound the exchange, and was told that we cannot: somebody changed what we said.
    Downgraded,
    /// It names a binding that is not this session's.
    WrongChannel,
    /// The proof is that of another secret.
    WrongProof,
}

/// Octets that a client's proof is compared with.
#[derive(Clone)]
pub(super) struct Keys {
    pub(super) stored: [u8; 32],
    pub(super) server: [u8; 32],
}

/// What a client is told to compute with, and what its proof is compared with. Of a login that does not exist it has a
/// salt that looks like any other, and no keys.
#[derive(Clone)]
pub(super) struct Salted {
    pub(super) salt: Vec<u8>,
    pub(super) iterations: u32,
    /// More than one while a secret takes the place of another: they have one salt.
    pub(super) keys: Vec<Keys>,
}

impl Salted {
    /// For a login that has nothing to compute with: always the same for the same name, so that asking twice tells no
    /// more than asking once.
    pub(super) fn nobody(key: &[u8; 32], login: &str) -> Self {
        let tag = sign(key, &[b"salt of ", login.as_bytes()]);
        Self {
            salt: tag.get(..verifier::SALT_OCTETS).unwrap_or_default().to_vec(),
            iterations: ITERATIONS,
            keys: Vec::new(),
        }
    }
}

/// An exchange that waits for the client's proof.
pub(super) struct Expecting {
    client_first_bare: String,
    server_first: String,
    nonce: String,
    /// What `c=` must decode to: the header of the first message, and the binding.
    binding: Vec<u8>,
    keys: Vec<Keys>,
}

impl ClientFirst {
    /// Whether what the client says of binding fits what there is.
    pub(super) fn fits(&self, channel: &Channel) -> Result<(), Fault> {
        match (&self.flag, channel) {
            (Flag::None, Channel::Unbound { .. }) | (Flag::CouldBind, Channel::Unbound { plus_offered: false }) => {
                Ok(())
            }
            (Flag::CouldBind, Channel::Unbound { plus_offered: true }) => Err(Fault::Downgraded),
            (Flag::Binds(kind), Channel::Bound(_)) if kind == BINDING => Ok(()),
            (Flag::Binds(_), Channel::Bound(_)) => Err(Fault::WrongChannel),
            _ => Err(Fault::Malformed),
        }
    }

    /// The server's first message. `ours` is our part of the nonce.
    pub(super) fn challenge(self, salted: Salted, channel: Channel, ours: &str) -> (Expecting, String) {
        let nonce = format!("{}{ours}", self.nonce);
        let salt = STANDARD.encode(&salted.salt);
        let server_first = format!("r={nonce},s={salt},i={}", salted.iterations);
        let mut binding = self.header.into_bytes();
        if let Channel::Bound(octets) = channel {
            binding.extend(octets);
        }
        let expecting = Expecting {
            client_first_bare: self.bare,
            server_first: server_first.clone(),
            nonce,
            binding,
            keys: salted.keys,
        };
        (expecting, server_first)
    }
}

impl Expecting {
    /// Checks the client's final message; the server's own proves that we know the secret's keys.
    pub(super) fn check(&self, message: &[u8]) -> Result<String, Fault> {
        let said = ClientFinal::read(message).ok_or(Fault::Malformed)?;
        if said.nonce != self.nonce {
            return Err(Fault::Malformed);
        }
        constant_time::verify_slices_are_equal(&said.binding, &self.binding).map_err(|_| Fault::WrongChannel)?;
        let about = [
            &self.client_first_bare,
            ",",
            &self.server_first,
            ",",
            said.without_proof,
        ]
        .concat();
        // Who has no keys costs as much as who has.
        let nobody = [Keys {
            stored: [0; 32],
            server: [0; 32],
        }];
        let keys = if self.keys.is_empty() { &nobody[..] } else { &self.keys };
        let mut proved = None;
        for key in keys {
            let signature = sign(&key.stored, &[about.as_bytes()]);
            let client_key: Vec<u8> = signature.iter().zip(&said.proof).map(|(a, b)| a ^ b).collect();
            let stored = digest::digest(&digest::SHA256, &client_key);
            let server = sign(&key.server, &[about.as_bytes()]);
            let right = constant_time::verify_slices_are_equal(stored.as_ref(), &key.stored).is_ok();
            if right && !self.keys.is_empty() {
                proved = Some(server);
            }
        }
        let signature = proved.ok_or(Fault::WrongProof)?;
        Ok(format!("v={}", STANDARD.encode(signature)))
    }
}

/// HMAC-SHA-256 over all parts.
fn sign(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    let mut tag = [0; 32];
    tag.copy_from_slice(context.sign().as_ref());
    tag
}

#[cfg(test)]
pub(super) mod client;
#[cfg(test)]
mod tests;
