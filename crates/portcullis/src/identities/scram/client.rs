//! The client's side, for tests.

use aws_lc_rs::{digest, pbkdf2};

use super::*;

pub(in crate::identities) struct Client<'a> {
    pub(in crate::identities) login: &'a str,
    pub(in crate::identities) secret: &'a str,
    /// `n,,`, `y,,` or `p=tls-exporter,,`.
    pub(in crate::identities) header: &'a str,
    pub(in crate::identities) binding: &'a [u8],
    pub(in crate::identities) nonce: &'a str,
}

impl Client<'_> {
    fn bare(&self) -> String {
        let login = self.login.replace('=', "=3D").replace(',', "=2C");
        format!("n={login},r={}", self.nonce)
    }

    pub(in crate::identities) fn first(&self) -> String {
        format!("{}{}", self.header, self.bare())
    }

    /// The final message, and what the server should answer.
    pub(in crate::identities) fn last(&self, server_first: &str) -> (String, String) {
        let mut parts = server_first.split(',').map(|part| part.split_at(2).1);
        let (nonce, salt, count) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        assert!(nonce.starts_with(self.nonce) && nonce.len() > self.nonce.len());
        let salt = STANDARD.decode(salt).unwrap();
        let mut salted = [0; 32];
        let count = count.parse().unwrap();
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            count,
            &salt,
            self.secret.as_bytes(),
            &mut salted,
        );
        let client_key = sign(&salted, &[b"Client Key"]);
        let stored = digest::digest(&digest::SHA256, &client_key);
        let channel = STANDARD.encode([self.header.as_bytes(), self.binding].concat());
        let without_proof = format!("c={channel},r={nonce}");
        let about = format!("{},{server_first},{without_proof}", self.bare());
        let signature = sign(stored.as_ref(), &[about.as_bytes()]);
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        let server = sign(&sign(&salted, &[b"Server Key"]), &[about.as_bytes()]);
        (
            format!("{without_proof},p={}", STANDARD.encode(proof)),
            format!("v={}", STANDARD.encode(server)),
        )
    }
}
