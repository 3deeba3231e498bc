//! xtext and its UTF-8 sibling: text made fit for a parameter.

/// `xtext = *( xchar / hexchar )`, `hexchar = "+" 2HEXDIG` (RFC 3461 §4). Only printable US-ASCII may come of it: the text
/// is written into notices.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut decoded = String::with_capacity(text.len());
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        let octet = match octet {
            b'+' => hex(octets.next()?)? * 16 + hex(octets.next()?)?,
            b'=' => return None,
            b'!'..=b'~' => octet,
            _ => return None,
        };
        if !(b' '..=b'~').contains(&octet) {
            return None;
        }
        decoded.push(char::from(octet));
    }
    Some(decoded)
}

/// `utf-8-addr-xtext` with `\x{hex}` for what is not plain, or `utf-8-addr-unitext` with the characters themselves
/// (RFC 6533 §3), the latter only where `unitext` allows.
pub(crate) fn decode_utf8_address(text: &str, unitext: bool) -> Option<String> {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..)?;
        let c = match c {
            '\\' => {
                let (digits, behind) = rest.strip_prefix("x{")?.split_once('}')?;
                rest = behind;
                let plain = (1..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
                char::from_u32(u32::from_str_radix(digits, 16).ok().filter(|_| plain)?)?
            }
            '=' | '+' => return None,
            '!'..='~' => c,
            c if !c.is_ascii() && unitext => c,
            _ => return None,
        };
        if c.is_control() {
            return None;
        }
        decoded.push(c);
    }
    Some(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xtext_is_decoded_and_never_to_a_line_end() {
        assert_eq!(decode("QQ314159").as_deref(), Some("QQ314159"));
        assert_eq!(decode("a+2Bb+3D@c").as_deref(), Some("a+b=@c"));
        for bad in [
            "a+",
            "a+2",
            "a+G0",
            "a=b",
            "a b",
            "a+0D+0ABcc:",
            "a+00",
            "\u{fc}",
            "a+FF",
        ] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_utf8_address_has_its_own_escapes() {
        assert_eq!(
            decode_utf8_address("\\x{fc}ser@example.com", false).as_deref(),
            Some("\u{fc}ser@example.com")
        );
        assert_eq!(decode_utf8_address("a\\x{2B}b@c", false).as_deref(), Some("a+b@c"));
        assert_eq!(decode_utf8_address("\u{fc}@c", true).as_deref(), Some("\u{fc}@c"));
        assert_eq!(decode_utf8_address("\u{fc}@c", false), None);
        for bad in [
            "\\x{D}",
            "\\x{D800}",
            "\\x{110000}",
            "\\x{}",
            "\\x{+41}",
            "\\y",
            "a+b",
            "\\x{41",
        ] {
            assert_eq!(decode_utf8_address(bad, true), None, "{bad}");
        }
    }
}
