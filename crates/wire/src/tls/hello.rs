//! Reads a ClientHello far enough to say what an unhappy client wanted.
//!
//! Only for naming what went wrong: nothing decides by it. The octets may be cut off anywhere.

/// What the first octets of a connection are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// A ClientHello.
    ClientHello(Hello),
    /// Another message of TLS: a server's, mostly.
    Tls,
    /// Words of a protocol in the clear.
    Words(&'static str),
    /// Something else.
    Noise,
    /// Nothing.
    Silence,
}

/// What a ClientHello offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    /// The highest version, as on the wire (`0x0301` is TLS 1.0).
    pub(super) version: u16,
    /// The cipher suites; empty where they were not read.
    pub(super) suites: Vec<u16>,
}

/// `handshake` of RFC 8446 §5.1.
const HANDSHAKE_RECORD: u8 = 22;
/// `client_hello` of RFC 8446 §4.
const CLIENT_HELLO: u8 = 1;
/// `supported_versions` of RFC 8446 §4.2.1.
const SUPPORTED_VERSIONS: u16 = 43;

/// Says what these first octets are.
pub(super) fn read_opening(octets: &[u8]) -> Opening {
    let Some(first) = octets.first() else {
        return Opening::Silence;
    };
    if *first == HANDSHAKE_RECORD {
        return client_hello(octets).map_or(Opening::Tls, Opening::ClientHello);
    }
    if let Some(version) = ssl2_hello(octets) {
        return Opening::ClientHello(Hello {
            version,
            suites: Vec::new(),
        });
    }
    words(octets).map_or(Opening::Noise, Opening::Words)
}

/// The name of a version on the wire, for those we do not speak.
pub(super) fn old_version(version: u16) -> Option<&'static str> {
    match version {
        0x0302 => Some("TLS 1.1"),
        0x0301 => Some("TLS 1.0"),
        0x0300 => Some("SSL 3.0"),
        0x0002 => Some("SSL 2.0"),
        _ => None,
    }
}

fn words(octets: &[u8]) -> Option<&'static str> {
    const OPENINGS: [(&[u8], &str); 11] = [
        (b"220 ", "SMTP in the clear"),
        (b"220-", "SMTP in the clear"),
        (b"EHLO", "SMTP in the clear"),
        (b"HELO", "SMTP in the clear"),
        (b"MAIL", "SMTP in the clear"),
        (b"QUIT", "SMTP in the clear"),
        (b"GET ", "HTTP"),
        (b"POST", "HTTP"),
        (b"HEAD", "HTTP"),
        (b"OPTI", "HTTP"),
        (b"PROX", "the PROXY protocol, and this peer is no declared proxy"),
    ];
    let front = octets.get(..4)?.to_ascii_uppercase();
    OPENINGS
        .iter()
        .find(|(opening, _)| *opening == front)
        .map(|(_, name)| *name)
}

/// A ClientHello in the framing of SSL 2.0, which old stacks use to offer any version (RFC 5246 §E.2).
fn ssl2_hello(octets: &[u8]) -> Option<u16> {
    let mut reader = Reader(octets);
    let length = reader.number(2)?;
    (length & 0x8000 != 0 && reader.number(1)? == CLIENT_HELLO.into()).then(|| reader.number(2))?
}

/// Reads a ClientHello (RFC 8446 §4.1.2) as far as it came.
fn client_hello(octets: &[u8]) -> Option<Hello> {
    let mut reader = Reader(octets);
    reader.take(5)?; // record: type, version, length
    if reader.number(1)? != CLIENT_HELLO.into() {
        return None;
    }
    reader.take(3)?; // length
    let legacy = reader.number(2)?;
    let suites = cipher_suites(&mut reader).unwrap_or_default();
    Some(Hello {
        version: supported_versions(reader).unwrap_or(legacy),
        suites,
    })
}

fn cipher_suites(reader: &mut Reader<'_>) -> Option<Vec<u16>> {
    reader.take(32)?; // random
    let session = reader.number(1)?;
    reader.take(session.into())?;
    let length = reader.number(2)?;
    let suites = reader.take(length.into())?;
    Some(
        suites
            .chunks_exact(2)
            .filter_map(|pair| Reader(pair).number(2))
            .collect(),
    )
}

/// The highest version of the extension that replaced the field before TLS 1.3; `None` where it is absent or cut off.
fn supported_versions(mut reader: Reader<'_>) -> Option<u16> {
    let compressions = reader.number(1)?;
    reader.take(compressions.into())?;
    reader.number(2)?; // all extensions
    loop {
        let kind = reader.number(2)?;
        let length = reader.number(2)?;
        let body = reader.take(length.into())?;
        if kind == SUPPORTED_VERSIONS {
            let versions = body.get(1..)?.chunks_exact(2).filter_map(|pair| Reader(pair).number(2));
            // GREASE values (RFC 8701) mean nothing.
            return versions.filter(|version| (0x0300..=0x0304).contains(version)).max();
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, octets: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(octets)?;
        self.0 = rest;
        Some(front)
    }

    /// A big-endian number of one or two octets.
    fn number(&mut self, octets: usize) -> Option<u16> {
        Some(
            self.take(octets)?
                .iter()
                .fold(0, |number, octet| (number << 8) | u16::from(*octet)),
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A ClientHello of `legacy` version, with these supported_versions.
    fn hello(legacy: u16, versions: &[u16]) -> Vec<u8> {
        let mut body = legacy.to_be_bytes().to_vec();
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0x00, 0x2f, 1, 0]);
        if !versions.is_empty() {
            let list: Vec<u8> = versions.iter().flat_map(|version| version.to_be_bytes()).collect();
            let mut extensions = vec![0x00, 0x0a, 0x00, 0x01, 0x00];
            extensions.extend([0, 43, 0, list.len() as u8 + 1, list.len() as u8]);
            extensions.extend(list);
            body.extend((extensions.len() as u16).to_be_bytes());
            body.extend(extensions);
        }
        let mut record = vec![22, 3, 1];
        record.extend((body.len() as u16 + 4).to_be_bytes());
        record.extend([1, 0]);
        record.extend((body.len() as u16).to_be_bytes());
        record.extend(body);
        record
    }

    #[test]
    fn the_highest_version_offered_is_found() {
        let offered = |version| {
            Opening::ClientHello(Hello {
                version,
                suites: vec![0x002f],
            })
        };
        assert_eq!(read_opening(&hello(0x0301, &[])), offered(0x0301));
        assert_eq!(read_opening(&hello(0x0302, &[])), offered(0x0302));
        assert_eq!(read_opening(&hello(0x0303, &[0x0304, 0x0303, 0x6a6a])), offered(0x0304));
        assert_eq!(old_version(0x0301), Some("TLS 1.0"));
        assert_eq!(old_version(0x0303), None);
    }

    #[test]
    fn a_hello_in_the_oldest_framing_is_one() {
        let offered = Opening::ClientHello(Hello {
            version: 0x0301,
            suites: Vec::new(),
        });
        assert_eq!(read_opening(&[0x80, 0x2e, 0x01, 0x03, 0x01, 0x00]), offered);
    }

    #[test]
    fn other_protocols_are_named() {
        assert_eq!(read_opening(b"EHLO a\r\n"), Opening::Words("SMTP in the clear"));
        assert_eq!(read_opening(b"get / HTTP/1.1\r\n"), Opening::Words("HTTP"));
        assert_eq!(read_opening(b"220 mx ESMTP\r\n"), Opening::Words("SMTP in the clear"));
        assert_eq!(read_opening(&[22, 3, 3, 0, 4, 2, 0, 0, 0]), Opening::Tls);
        assert_eq!(read_opening(b"\0\0\0\0"), Opening::Noise);
        assert_eq!(read_opening(b""), Opening::Silence);
    }

    proptest! {
        #[test]
        fn nothing_a_peer_sends_can_do_harm(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            read_opening(&octets);
        }

        #[test]
        fn a_hello_may_be_cut_off_anywhere(cut in 0usize..80) {
            let whole = hello(0x0303, &[0x0304]);
            read_opening(&whole[..cut.min(whole.len())]);
        }
    }
}
