//! What a handshake shows of a client: by what its certificate is known, and why nobody vouches for that.

use admission::TlsSeen;
use policy::CertificateId;
use wire::{PeerCertificate, TlsFacts};

/// How the session is protected from now on.
pub(crate) fn seen(tls: &TlsFacts) -> TlsSeen {
    TlsSeen {
        version: tls.version.name().into(),
        cipher: tls.cipher.into(),
        doubt: tls.peer.as_ref().map(doubt).unwrap_or_default().into(),
    }
}

/// By what a certificate is known: its key, and the names for which an authority vouches.
pub(crate) fn ids(peer: &PeerCertificate) -> Vec<CertificateId> {
    let names = peer.vouched.iter().flat_map(|vouched| {
        let names = vouched.names.iter().flatten();
        names.map(|name| CertificateId::Subject {
            authority: vouched.authority.clone(),
            name: name.clone(),
        })
    });
    std::iter::once(CertificateId::Key(peer.spki_sha256))
        .chain(names)
        .collect()
}

/// Why none of the authorities vouches for it; empty where one does, or none is asked.
fn doubt(peer: &PeerCertificate) -> String {
    if peer.vouched.iter().any(|vouched| vouched.names.is_ok()) {
        return String::new();
    }
    let doubts = peer.vouched.iter().filter_map(|vouched| {
        let why = vouched.names.as_ref().err()?;
        Some(format!("{}: {why}", vouched.authority))
    });
    doubts.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::SubjectName;
    use wire::{Distrust, Vouched};

    fn peer(vouched: Vec<Vouched>) -> PeerCertificate {
        PeerCertificate {
            chain: Vec::new(),
            spki_sha256: [7; 32],
            subject: "CN=ups-7".into(),
            vouched,
        }
    }

    #[test]
    fn a_name_counts_with_the_word_of_its_authority_and_a_key_without() {
        let name = SubjectName::parse("dns:ups-7.example.edu").unwrap();
        let campus = Vouched {
            authority: "campus".into(),
            names: Ok(vec![name.clone()]),
        };
        let others = Vouched {
            authority: "others".into(),
            names: Err(Distrust::Expired),
        };
        let subject = CertificateId::Subject {
            authority: "campus".into(),
            name,
        };
        let both = peer(vec![campus, others.clone()]);
        assert_eq!(ids(&both), [CertificateId::Key([7; 32]), subject]);
        assert_eq!(doubt(&both), "");
        let doubted = peer(vec![others]);
        assert_eq!(ids(&doubted), [CertificateId::Key([7; 32])]);
        assert_eq!(doubt(&doubted), "others: it has expired");
        assert_eq!(doubt(&peer(Vec::new())), "");
    }
}
