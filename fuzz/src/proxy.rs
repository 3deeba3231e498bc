//! The PROXY header, versions 1 and 2.

use std::net::{IpAddr, SocketAddr};

use wire::{ProxyError, ProxyHeader, parse_proxy_header};

/// What such headers are made of.
pub(crate) const WORDS: &[&[u8]] = &[
    b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 25\r\n",
    b"PROXY TCP6 2001:db8::7 2001:db8::1 40000 25\r\n",
    b"PROXY UNKNOWN\r\n",
    b"\r\n\r\n\0\r\nQUIT\n",
    b"\x21\x11\x00\x0c",
    b"\x21\x21\x00\x24",
    b"\x20\x00\x00\x00",
    b"::ffff:192.0.2.7",
    b"65535",
    b"\r\n",
];

/// Octets of any header at most; a longer wait would fill memory for nothing.
const HEADER_OCTETS_MAX: usize = 4096;

/// What the octets say does not depend on how many of them have come, and what was made of a header can be said again.
pub(crate) fn run(octets: &[u8]) {
    let mut settled: Option<Result<(ProxyHeader, usize), ProxyError>> = None;
    for len in 0..=octets.len().min(HEADER_OCTETS_MAX + 20) {
        let now = parse_proxy_header(&octets[..len]);
        match (&settled, now) {
            (None, Ok(None)) => assert!(len < HEADER_OCTETS_MAX, "still waiting behind {len} octets"),
            (None, Ok(Some((header, taken)))) => {
                assert_eq!(taken, len, "the header was whole before");
                settled = Some(Ok((header, taken)));
            }
            (None, Err(error)) => settled = Some(Err(error)),
            (Some(Ok(before)), now) => assert_eq!(now, Ok(Some(*before)), "octets behind the header changed it"),
            (Some(Err(_)), now) => assert!(now.is_err(), "more octets made {now:?} of an error"),
        }
    }
    if let Some(Ok((ProxyHeader::Proxied { source, destination }, _))) = settled {
        for address in [source, destination] {
            assert_eq!(
                address.ip(),
                address.ip().to_canonical(),
                "an IPv4 client in IPv6 clothes"
            );
        }
        said_again(source, destination);
    }
}

/// Written in both versions, the same addresses are read again.
fn said_again(source: SocketAddr, destination: SocketAddr) {
    let wide = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    let (from, to) = (wide(source.ip()), wide(destination.ip()));
    let first = format!("PROXY TCP6 {from} {to} {} {}\r\n", source.port(), destination.port());
    let mut second = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\x00\x24".to_vec();
    second.extend_from_slice(&from.octets());
    second.extend_from_slice(&to.octets());
    second.extend_from_slice(&source.port().to_be_bytes());
    second.extend_from_slice(&destination.port().to_be_bytes());
    for octets in [first.into_bytes(), second] {
        let expected = ProxyHeader::Proxied { source, destination };
        assert_eq!(parse_proxy_header(&octets), Ok(Some((expected, octets.len()))));
    }
}
