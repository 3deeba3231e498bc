//! The header, read from octets. Pure and bounded.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Octets of a version 1 line at most, its CRLF included.
const V1_OCTETS_MAX: usize = 107;
/// Octets of a version 2 header at most. Addresses need 52; the rest is for TLVs, which are skipped.
const V2_OCTETS_MAX: usize = 4096;
/// The first octets of version 2.
const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The first octets of version 1.
const V1_SIGNATURE: &[u8; 6] = b"PROXY ";

/// What a proxy says about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyHeader {
    /// It stands for this client, which came to this address.
    Proxied {
        /// The client.
        source: SocketAddr,
        /// Where the client came to.
        destination: SocketAddr,
    },
    /// It speaks for itself (LOCAL: a health check) or does not know for whom (UNKNOWN, UNSPEC): the connection's own
    /// addresses hold, and the proxy is the client.
    Local,
}

/// Why a header cannot be used. The connection is closed without a word: nobody knows who is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyError {
    /// The connection does not begin with a header; the proxy is not set up to send one.
    Missing,
    /// The header does not follow its grammar.
    Malformed(&'static str),
    /// The header is longer than we take.
    TooLong,
    /// It speaks of something other than a stream over IP.
    NotTcp,
    /// It did not come whole in time.
    Timeout,
    /// The connection ended before it was whole.
    Closed,
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("a declared proxy connected without a PROXY header; let it send one"),
            Self::Malformed(what) => write!(f, "malformed PROXY header: {what}"),
            Self::TooLong => f.write_str("PROXY header too long"),
            Self::NotTcp => f.write_str("PROXY header for something other than TCP"),
            Self::Timeout => f.write_str("the PROXY header did not come in time"),
            Self::Closed => f.write_str("the proxy closed before its header was whole"),
        }
    }
}

impl std::error::Error for ProxyError {}

/// Reads a header from the front of `octets`: the header and the octets it took, or `None` where more are needed.
pub fn parse_proxy_header(octets: &[u8]) -> Result<Option<(ProxyHeader, usize)>, ProxyError> {
    if begins(octets, V2_SIGNATURE) {
        return parse_v2(octets);
    }
    if begins(octets, V1_SIGNATURE) {
        return parse_v1(octets);
    }
    Err(ProxyError::Missing)
}

/// Whether `octets` is, or may yet become, something that begins with `signature`.
fn begins(octets: &[u8], signature: &[u8]) -> bool {
    octets.iter().zip(signature).all(|(a, b)| a == b)
}

fn parse_v1(octets: &[u8]) -> Result<Option<(ProxyHeader, usize)>, ProxyError> {
    let window = octets.get(..V1_OCTETS_MAX).unwrap_or(octets);
    let Some(end) = window.windows(2).position(|pair| pair == b"\r\n") else {
        return if octets.len() < V1_OCTETS_MAX {
            Ok(None)
        } else {
            Err(ProxyError::TooLong)
        };
    };
    let line = window
        .get(V1_SIGNATURE.len()..end)
        .and_then(|line| std::str::from_utf8(line).ok());
    let header = read_v1(line.ok_or(ProxyError::Malformed("not a line of text"))?)?;
    Ok(Some((header, end + 2)))
}

/// What stands behind `PROXY `.
fn read_v1(line: &str) -> Result<ProxyHeader, ProxyError> {
    let (family, rest) = line.split_once(' ').unwrap_or((line, ""));
    // What follows UNKNOWN is to be ignored.
    if family == "UNKNOWN" {
        return Ok(ProxyHeader::Local);
    }
    let mut words = rest.split(' ');
    let mut word = || words.next().ok_or(ProxyError::Malformed("too few words"));
    let (source, destination, source_port, destination_port) = (word()?, word()?, word()?, word()?);
    if words.next().is_some() {
        return Err(ProxyError::Malformed("too many words"));
    }
    let address = |text: &str| -> Result<IpAddr, ProxyError> {
        let parsed = match family {
            "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            _ => return Err(ProxyError::Malformed("unknown family")),
        };
        parsed.ok_or(ProxyError::Malformed("bad address"))
    };
    Ok(ProxyHeader::Proxied {
        source: SocketAddr::new(plain(address(source)?), port(source_port)?),
        destination: SocketAddr::new(plain(address(destination)?), port(destination_port)?),
    })
}

fn port(text: &str) -> Result<u16, ProxyError> {
    let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    let canonical = digits && (text == "0" || !text.starts_with('0'));
    canonical
        .then(|| text.parse().ok())
        .flatten()
        .ok_or(ProxyError::Malformed("bad port"))
}

fn parse_v2(octets: &[u8]) -> Result<Option<(ProxyHeader, usize)>, ProxyError> {
    let Some([_, _, _, _, _, _, _, _, _, _, _, _, command, family, high, low]) = octets.first_chunk() else {
        return Ok(None);
    };
    let whole = 16 + usize::from(u16::from_be_bytes([*high, *low]));
    if whole > V2_OCTETS_MAX {
        return Err(ProxyError::TooLong);
    }
    let Some(body) = octets.get(16..whole) else {
        return Ok(None);
    };
    let header = match command {
        0x20 => ProxyHeader::Local,
        0x21 => read_v2(*family, body)?,
        _ => return Err(ProxyError::Malformed("unknown version or command")),
    };
    Ok(Some((header, whole)))
}

/// The addresses of a proxied connection; TLVs behind them are left unread.
fn read_v2(family: u8, body: &[u8]) -> Result<ProxyHeader, ProxyError> {
    const SHORT: ProxyError = ProxyError::Malformed("too short for its addresses");
    match family {
        0x00 => Ok(ProxyHeader::Local),
        0x11 => {
            let (source, rest) = body.split_first_chunk::<4>().ok_or(SHORT)?;
            let (destination, rest) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
            let (source_port, destination_port) = ports(rest).ok_or(SHORT)?;
            Ok(ProxyHeader::Proxied {
                source: SocketAddr::new(Ipv4Addr::from(*source).into(), source_port),
                destination: SocketAddr::new(Ipv4Addr::from(*destination).into(), destination_port),
            })
        }
        0x21 => {
            let (source, rest) = body.split_first_chunk::<16>().ok_or(SHORT)?;
            let (destination, rest) = rest.split_first_chunk::<16>().ok_or(SHORT)?;
            let (source_port, destination_port) = ports(rest).ok_or(SHORT)?;
            Ok(ProxyHeader::Proxied {
                source: SocketAddr::new(plain(Ipv6Addr::from(*source).into()), source_port),
                destination: SocketAddr::new(plain(Ipv6Addr::from(*destination).into()), destination_port),
            })
        }
        0x12 | 0x22 | 0x31 | 0x32 => Err(ProxyError::NotTcp),
        _ => Err(ProxyError::Malformed("unknown family")),
    }
}

fn ports(octets: &[u8]) -> Option<(u16, u16)> {
    let [a, b, c, d] = octets.first_chunk::<4>()?;
    Some((u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])))
}

/// `::ffff:192.0.2.1` is 192.0.2.1: an IPv4 client must meet the rules for its IPv4 address.
fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn proxied(source: &str, destination: &str) -> ProxyHeader {
        ProxyHeader::Proxied {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
        }
    }

    fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let mut octets = V2_SIGNATURE.to_vec();
        octets.extend([command, family]);
        octets.extend((body.len() as u16).to_be_bytes());
        octets.extend(body);
        octets
    }

    #[test]
    fn version_1_names_client_and_destination() {
        let line = b"PROXY TCP4 203.0.113.7 192.0.2.25 51234 25\r\nEHLO";
        let expected = proxied("203.0.113.7:51234", "192.0.2.25:25");
        assert_eq!(parse_proxy_header(line), Ok(Some((expected, line.len() - 4))));
        let six = b"PROXY TCP6 2001:db8::7 2001:db8::25 1 25\r\n";
        assert_eq!(
            parse_proxy_header(six).unwrap().unwrap().0,
            proxied("[2001:db8::7]:1", "[2001:db8::25]:25")
        );
        let unknown = b"PROXY UNKNOWN whatever it says\r\n";
        assert_eq!(parse_proxy_header(unknown).unwrap().unwrap().0, ProxyHeader::Local);
    }

    #[test]
    fn version_1_that_bends_the_grammar_is_refused() {
        for bad in [
            "PROXY TCP4 203.0.113.7 192.0.2.25 51234\r\n",
            "PROXY TCP4 203.0.113.7 192.0.2.25 51234 25 x\r\n",
            "PROXY TCP4 203.0.113.7  192.0.2.25 51234 25\r\n",
            "PROXY TCP4 203.0.113.7 192.0.2.25 65536 25\r\n",
            "PROXY TCP4 203.0.113.7 192.0.2.25 +1 25\r\n",
            "PROXY TCP4 2001:db8::7 192.0.2.25 1 25\r\n",
            "PROXY UDP4 203.0.113.7 192.0.2.25 1 25\r\n",
            "PROXY TCP4 203.0.113.7 192.0.2.25 1 25\n\r\n",
        ] {
            assert!(
                matches!(parse_proxy_header(bad.as_bytes()), Err(ProxyError::Malformed(_))),
                "{bad:?}"
            );
        }
        assert_eq!(parse_proxy_header(b"EHLO a\r\n"), Err(ProxyError::Missing));
        assert_eq!(
            parse_proxy_header(format!("PROXY {}", "x".repeat(200)).as_bytes()),
            Err(ProxyError::TooLong)
        );
    }

    #[test]
    fn version_2_names_client_and_destination_and_tlvs_are_skipped() {
        let mut body = vec![203, 0, 113, 7, 192, 0, 2, 25, 0xc8, 0x22, 0, 25];
        body.extend([0x04, 0, 2, 1, 1]);
        let octets = v2(0x21, 0x11, &body);
        let expected = proxied("203.0.113.7:51234", "192.0.2.25:25");
        assert_eq!(parse_proxy_header(&octets), Ok(Some((expected, octets.len()))));
    }

    #[test]
    fn version_2_of_other_kinds() {
        assert_eq!(
            parse_proxy_header(&v2(0x20, 0x00, &[])).unwrap().unwrap().0,
            ProxyHeader::Local
        );
        assert_eq!(
            parse_proxy_header(&v2(0x21, 0x00, &[1, 2])).unwrap().unwrap().0,
            ProxyHeader::Local
        );
        assert_eq!(parse_proxy_header(&v2(0x21, 0x12, &[0; 12])), Err(ProxyError::NotTcp));
        assert_eq!(parse_proxy_header(&v2(0x21, 0x31, &[0; 216])), Err(ProxyError::NotTcp));
        assert!(matches!(
            parse_proxy_header(&v2(0x21, 0x11, &[0; 11])),
            Err(ProxyError::Malformed(_))
        ));
        assert!(matches!(
            parse_proxy_header(&v2(0x31, 0x11, &[0; 12])),
            Err(ProxyError::Malformed(_))
        ));
        assert_eq!(
            parse_proxy_header(&v2(0x21, 0x11, &[0; 5000])),
            Err(ProxyError::TooLong)
        );
    }

    #[test]
    fn an_ipv4_client_in_ipv6_clothes_is_an_ipv4_client() {
        let mut body = [0u8; 36];
        body[10..16].copy_from_slice(&[0xff, 0xff, 203, 0, 113, 7]);
        let ProxyHeader::Proxied { source, .. } = parse_proxy_header(&v2(0x21, 0x21, &body)).unwrap().unwrap().0 else {
            panic!("not proxied");
        };
        assert_eq!(source.ip(), "203.0.113.7".parse::<IpAddr>().unwrap());
    }

    proptest! {
        #[test]
        fn nothing_a_peer_sends_can_do_harm(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse_proxy_header(&octets);
        }

        #[test]
        fn a_header_is_the_same_however_much_of_it_came_before(source: [u8; 4], port: u16, cut in 0usize..80) {
            let source = SocketAddr::from((source, port));
            let line = format!("PROXY TCP4 {} 192.0.2.25 {} 25\r\n", source.ip(), source.port());
            let cut = cut.min(line.len() - 1);
            prop_assert_eq!(parse_proxy_header(&line.as_bytes()[..cut]), Ok(None));
            let (header, used) = parse_proxy_header(line.as_bytes()).unwrap().unwrap();
            let destination = "192.0.2.25:25".parse().unwrap();
            prop_assert_eq!((header, used), (ProxyHeader::Proxied { source, destination }, line.len()));
        }

        #[test]
        fn a_version_2_header_waits_until_it_is_whole(body in proptest::collection::vec(any::<u8>(), 12..100), cut in 0usize..116) {
            let octets = v2(0x21, 0x11, &body);
            let whole = parse_proxy_header(&octets).unwrap().unwrap();
            prop_assert_eq!(whole.1, octets.len());
            prop_assert_eq!(parse_proxy_header(&octets[..cut.min(octets.len() - 1)]), Ok(None));
        }
    }
}
