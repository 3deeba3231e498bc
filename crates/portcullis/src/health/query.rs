//! The query of a request: `about=10.20.3.14&last=3`.

/// The value of a name, decoded; `None` where it is not there or no text.
pub(super) fn value(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    decoded(value).filter(|value| !value.is_empty())
}

/// Text with `%40` for `@` and `+` for a blank; `None` where it is wrong.
fn decoded(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'%' => {
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                high << 4 | low
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(octets).ok()
}

fn digit(octet: u8) -> Option<u8> {
    char::from(octet)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_name_and_decoded() {
        let query = "last=3&about=scan%40x.example+y&empty=&wrong=%4&more=%zz&text=%ff";
        assert_eq!(value(query, "about").as_deref(), Some("scan@x.example y"));
        assert_eq!(value(query, "last").as_deref(), Some("3"));
        for name in ["empty", "wrong", "more", "text", "absent", "out"] {
            assert_eq!(value(query, name), None, "{name}");
        }
    }
}
