//! Transfer encodings that make 7-bit text of anything (RFC 2045 §6.7, §6.8).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Characters of an encoded line at most, without its end.
const LINE_MAX: usize = 76;
/// Octets that make one line of base64.
const BASE64_LINE_OCTETS: usize = LINE_MAX / 4 * 3;

/// Quoted-printable. CRLF is a line end and stays; a CR or LF alone is data and is encoded.
pub(crate) fn quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 4);
    let mut rest = text;
    while !rest.is_empty() {
        let end = memchr::memmem::find(rest, b"\r\n");
        let (line, more) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, &[]));
        quote_line(line, &mut out);
        if end.is_some() {
            out.extend_from_slice(b"\r\n");
        }
        rest = more.get(2..).unwrap_or_default();
    }
    out
}

fn quote_line(line: &[u8], out: &mut Vec<u8>) {
    let mut column = 0;
    for (at, octet) in line.iter().copied().enumerate() {
        let last = at + 1 == line.len();
        let plain = match octet {
            b'=' => false,
            b'!'..=b'~' => true,
            // At the end of a line a space could be lost on the way.
            b' ' | b'\t' => !last,
            _ => false,
        };
        let width = if plain { 1 } else { 3 };
        // A line that goes on ends in `=`, which needs its own column.
        if column + width > LINE_MAX - usize::from(!last) {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        }
        column += width;
        if plain {
            out.push(octet);
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            let digit = |value: u8| HEX.get(usize::from(value)).copied().unwrap_or(b'0');
            out.extend_from_slice(&[b'=', digit(octet >> 4), digit(octet & 15)]);
        }
    }
}

/// Base64 in lines that end in CRLF.
pub(crate) fn base64(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len() / 54 * 76 + 80);
    for line in octets.chunks(BASE64_LINE_OCTETS) {
        out.extend_from_slice(STANDARD.encode(line).as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out
}

#[cfg(test)]
pub(crate) fn read_quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((first, more)) = rest.split_first() {
        rest = match (first, more) {
            (b'=', [b'\r', b'\n', more @ ..]) => more,
            (b'=', [high, low, more @ ..]) => {
                let digits = [*high, *low];
                out.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                more
            }
            _ => {
                out.push(*first);
                more
            }
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spaces_at_line_ends_and_equal_signs_are_quoted() {
        assert_eq!(quoted_printable(b"a = b \r\n\xfc\n"), b"a =3D b=20\r\n=FC=0A");
        assert_eq!(quoted_printable(b"\r\n\r\n"), b"\r\n\r\n");
    }

    #[test]
    fn base64_is_cut_into_lines() {
        let out = base64(&[0; 100]);
        assert_eq!(
            out.split(|octet| *octet == b'\n').map(<[u8]>::len).collect::<Vec<_>>(),
            [77, 61, 0]
        );
    }

    proptest! {
        #[test]
        fn quoted_text_reads_back_and_is_narrow(text in prop::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b' '), any::<u8>()], 0..300)) {
            let quoted = quoted_printable(&text);
            prop_assert_eq!(read_quoted_printable(&quoted), text);
            prop_assert!(quoted.is_ascii());
            for line in quoted.split(|octet| *octet == b'\n') {
                prop_assert!(line.len() <= LINE_MAX + 1);
                prop_assert!(!line.ends_with(b" \r") && !line.ends_with(b" "));
            }
        }
    }
}
