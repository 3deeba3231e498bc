//! Header fields, as octets (RFC 5322 §2.2).

use std::borrow::Cow;

/// One field of a header block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    /// The whole field with its folds and line ends.
    pub(crate) raw: &'a [u8],
    /// What stands before the first colon; the whole first line where there is none.
    pub(crate) name: &'a [u8],
    /// What stands behind the colon, folded, with line ends.
    pub(crate) body: &'a [u8],
}

impl<'a> Field<'a> {
    /// Whether the name is one or more printable characters and the colon follows at once (RFC 5322 §3.6.8).
    pub(crate) fn has_valid_name(&self) -> bool {
        !self.name.is_empty()
            && self.name.len() < self.raw.len()
            && self.name.iter().all(|octet| matches!(octet, b'!'..=b'~'))
    }

    /// Whether this is `name`, in any case.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// Whether a reader that forgives spaces and controls would take this for `name`.
    pub(crate) fn could_be(&self, name: &str) -> bool {
        // No octet can be passed over.
        if self.name.len() == name.len() {
            return self.is(name);
        }
        let printable = self.name.iter().filter(|octet| matches!(octet, b'!'..=b'~'));
        self.name.len() >= name.len()
            && printable
                .map(u8::to_ascii_lowercase)
                .eq(name.bytes().map(|octet| octet.to_ascii_lowercase()))
    }

    /// The body on one line, without spaces at its ends. What is not UTF-8 becomes U+FFFD.
    pub(crate) fn unfolded(&self) -> Cow<'a, str> {
        let line = self.body.trim_ascii_end();
        // Most fields are one line of text, which is there already.
        if memchr::memchr2(b'\r', b'\n', line).is_none()
            && let Ok(text) = std::str::from_utf8(line)
        {
            return Cow::Borrowed(text.trim());
        }
        let flat: Vec<u8> = self
            .body
            .iter()
            .copied()
            .filter(|octet| !matches!(octet, b'\r' | b'\n'))
            .collect();
        Cow::Owned(String::from_utf8_lossy(&flat).trim().to_owned())
    }
}

/// The fields of a header block that ends before its blank line.
pub(crate) fn fields(block: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut rest = block;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (raw, more) = rest.split_at_checked(field_end(rest)).unwrap_or((rest, &[]));
        rest = more;
        let line_end = memchr::memchr(b'\n', raw).unwrap_or(raw.len());
        let first_line = raw.get(..line_end).unwrap_or(raw);
        let colon = memchr::memchr(b':', first_line).unwrap_or(first_line.len());
        let (name, body) = raw.split_at_checked(colon).unwrap_or((raw, &[]));
        Some(Field {
            raw,
            name,
            body: body.get(1..).unwrap_or_default(),
        })
    })
}

/// Where the first field ends: behind the first line end that no fold follows.
fn field_end(text: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', text)
        .map(|at| at + 1)
        .find(|end| !text.get(*end).is_some_and(|octet| is_blank(*octet)))
        .unwrap_or(text.len())
}

/// Space or tab.
pub(crate) const fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_belong_to_their_field() {
        let block = b"A: 1\r\n 2\r\nB:3\r\n\t4\r\nC";
        let found: Vec<_> = fields(block)
            .map(|f| (f.name.to_vec(), f.unfolded().into_owned(), f.has_valid_name()))
            .collect();
        let expected = [("A", "1 2", true), ("B", "3\t4", true), ("C", "", false)];
        let expected = expected.map(|(name, body, valid)| (name.as_bytes().to_vec(), body.to_owned(), valid));
        assert_eq!(found, expected);
        assert_eq!(fields(block).map(|f| f.raw.len()).sum::<usize>(), block.len());
    }

    #[test]
    fn names_with_spaces_are_not_valid_but_known() {
        let field = fields(b"Fr om : x\r\n").next().unwrap();
        assert!(!field.has_valid_name() && !field.is("from") && field.could_be("from"));
    }
}
