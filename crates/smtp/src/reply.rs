//! Replies as they are written to a client.

use std::fmt::Write as _;

use bytes::{BufMut, BytesMut};
use mail::Reply;

/// Octets of a reply line at most, CRLF included (RFC 5321 §4.5.3.1.5).
const LINE_OCTETS_MAX: usize = 512;

/// Which characters the reader of a reply understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charset {
    Ascii,
    /// The client said SMTPUTF8 (RFC 6531 §3.5).
    Utf8,
}

/// Appends a reply, one line for each of its text's. Control characters never pass, so that no text can add a line of its
/// own; what the charset lacks becomes `?`; what is too long for a line is cut.
pub(crate) fn write_reply(output: &mut BytesMut, reply: &Reply, charset: Charset) {
    let mut rest = &*reply.text;
    while let Some((line, behind)) = split_line(rest) {
        write_line(output, reply, b'-', line, charset);
        rest = behind;
    }
    write_line(output, reply, b' ', rest, charset);
}

/// The first of several lines, and what is behind it.
fn split_line(text: &str) -> Option<(&str, &str)> {
    let end = memchr::memchr(b'\n', text.as_bytes())?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

fn write_line(output: &mut BytesMut, reply: &Reply, mark: u8, text: &str, charset: Charset) {
    // Once for the whole line, code and end included.
    output.reserve(LINE_OCTETS_MAX.min(text.len() + 24));
    let start = output.len();
    write_prefix(output, reply, mark);
    let room = (LINE_OCTETS_MAX - 2).saturating_sub(output.len() - start);
    put_text(output, text, charset, room);
    output.put_slice(b"\r\n");
}

fn write_prefix(output: &mut BytesMut, reply: &Reply, mark: u8) {
    let digit = |value: u16| b'0' + u8::try_from(value % 10).unwrap_or(0);
    let code = [digit(reply.code / 100), digit(reply.code / 10), digit(reply.code), mark];
    match reply.enhanced {
        None => output.put_slice(&code),
        Some(enhanced) if enhanced.subject < 10 && enhanced.detail < 10 => {
            let [a, b, c, mark] = code;
            let (subject, detail) = (digit(enhanced.subject), digit(enhanced.detail));
            let class = digit(enhanced.class.into());
            output.put_slice(&[a, b, c, mark, class, b'.', subject, b'.', detail, b' ']);
        }
        Some(enhanced) => {
            output.put_slice(&code);
            // A BytesMut takes all that is written to it.
            let _ = write!(output, "{enhanced} ");
        }
    }
}

fn put_text(output: &mut BytesMut, text: &str, charset: Charset, mut room: usize) {
    // Almost every text of ours goes out as it is.
    if text.len() <= room && text.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
        return output.put_slice(text.as_bytes());
    }
    for c in text.chars() {
        let c = if fits(c, charset) { c } else { '?' };
        if c.len_utf8() > room {
            break;
        }
        room -= c.len_utf8();
        output.put_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

fn fits(c: char, charset: Charset) -> bool {
    (' '..='~').contains(&c) || (charset == Charset::Utf8 && !c.is_ascii() && !c.is_control())
}

#[cfg(test)]
mod tests {
    use mail::EnhancedCode;

    use super::*;

    fn written(reply: &Reply, charset: Charset) -> String {
        let mut output = BytesMut::new();
        write_reply(&mut output, reply, charset);
        String::from_utf8(output.to_vec()).unwrap()
    }

    #[test]
    fn every_line_carries_the_code_and_the_enhanced_code() {
        let reply = Reply::new(550, EnhancedCode::new(5, 7, 1), "no\nnever");
        assert_eq!(written(&reply, Charset::Ascii), "550-5.7.1 no\r\n550 5.7.1 never\r\n");
        let reply = Reply::new(452, EnhancedCode::new(4, 3, 10), "later");
        assert_eq!(written(&reply, Charset::Ascii), "452 4.3.10 later\r\n");
    }

    #[test]
    fn no_text_can_add_a_line() {
        let reply = Reply::plain(250, "a\r250 b\0\u{85}\u{fc}");
        assert_eq!(written(&reply, Charset::Ascii), "250 a?250 b???\r\n");
        assert_eq!(written(&reply, Charset::Utf8), "250 a?250 b??\u{fc}\r\n");
    }

    #[test]
    fn a_line_is_cut_at_512_octets() {
        let line = written(&Reply::plain(250, "\u{fc}".repeat(600)), Charset::Utf8);
        assert!(line.len() <= 512 && line.ends_with("\u{fc}\r\n"));
    }
}
