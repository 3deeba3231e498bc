//! What clients send (RFC 5802 §7), read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Octets of a message at most; a login has 255.
const MESSAGE_OCTETS_MAX: usize = 2048;
/// Characters of a client's nonce at most.
const NONCE_MAX: usize = 256;

/// What a client says of binding the exchange to its TLS session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Flag {
    /// `n`: it cannot.
    None,
    /// `y`: it could, and believes that we cannot.
    CouldBind,
    /// `p=KIND`: it does.
    Binds(String),
}

/// `gs2-header client-first-message-bare`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::identities) struct ClientFirst {
    /// `n,,` with whatever stands in it; it comes again in the final message.
    pub(super) header: String,
    pub(super) flag: Flag,
    /// For whom it wants to act, where it says.
    pub(in crate::identities) authzid: Option<String>,
    /// Who it is.
    pub(in crate::identities) login: String,
    pub(super) nonce: String,
    /// The message without its header; it is part of what is signed.
    pub(super) bare: String,
}

impl ClientFirst {
    pub(in crate::identities) fn read(message: &[u8]) -> Option<Self> {
        let message = text(message)?;
        let (flag, rest) = message.split_once(',')?;
        let (authzid, bare) = rest.split_once(',')?;
        let header = message.strip_suffix(bare)?;
        let flag = match flag {
            "n" => Flag::None,
            "y" => Flag::CouldBind,
            _ => Flag::Binds(flag.strip_prefix("p=").filter(|kind| !kind.is_empty())?.to_owned()),
        };
        let authzid = match authzid {
            // GNU SASL writes the second where it was told to act for nobody else.
            "" | "a=" => None,
            _ => Some(saslname(authzid.strip_prefix("a=")?)?),
        };
        let mut attributes = bare.split(',');
        // An extension that must be understood (`m=`) would stand first, and is not.
        let login = saslname(attributes.next()?.strip_prefix("n=")?)?;
        let nonce = attributes.next()?.strip_prefix("r=")?;
        let printable =
            !nonce.is_empty() && nonce.len() <= NONCE_MAX && nonce.bytes().all(|octet| octet.is_ascii_graphic());
        (printable && attributes.all(is_attribute)).then(|| Self {
            header: header.to_owned(),
            flag,
            authzid,
            login,
            nonce: nonce.to_owned(),
            bare: bare.to_owned(),
        })
    }
}

/// `client-final-message`.
pub(super) struct ClientFinal<'a> {
    /// What `c=` stands for.
    pub(super) binding: Vec<u8>,
    pub(super) nonce: &'a str,
    pub(super) proof: [u8; 32],
    /// Everything before `,p=`; it is part of what is signed.
    pub(super) without_proof: &'a str,
}

impl<'a> ClientFinal<'a> {
    pub(super) fn read(message: &'a [u8]) -> Option<Self> {
        let (without_proof, proof) = text(message)?.rsplit_once(",p=")?;
        let mut attributes = without_proof.split(',');
        let binding = STANDARD.decode(attributes.next()?.strip_prefix("c=")?).ok()?;
        let nonce = attributes.next()?.strip_prefix("r=")?;
        let proof = STANDARD.decode(proof).ok()?.try_into().ok()?;
        attributes.all(is_attribute).then_some(Self {
            binding,
            nonce,
            proof,
            without_proof,
        })
    }
}

fn text(message: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(message).ok()?;
    (text.len() <= MESSAGE_OCTETS_MAX && !text.contains(char::is_control)).then_some(text)
}

/// `attr-val`: a letter, `=`, and something.
fn is_attribute(text: &str) -> bool {
    matches!(text.as_bytes(), [letter, b'=', _, ..] if letter.is_ascii_alphabetic())
}

/// A name, in which `=2C` stands for a comma and `=3D` for the sign of equality.
fn saslname(written: &str) -> Option<String> {
    let mut parts = written.split('=');
    let mut name = parts.next()?.to_owned();
    for part in parts {
        let (sign, rest) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return None,
        };
        name.push(sign);
        name.push_str(rest);
    }
    (!name.is_empty()).then_some(name)
}
