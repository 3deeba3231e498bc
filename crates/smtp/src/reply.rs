//! Replies as they are written to a client.

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
    let prefix = reply
        .enhanced
        .map(|enhanced| format!("{enhanced} "))
        .unwrap_or_default();
    let mut lines = reply.text.split('\n').peekable();
    while let Some(text) = lines.next() {
        let mark = if lines.peek().is_some() { '-' } else { ' ' };
        let mut line = format!("{:03}{mark}{prefix}", reply.code);
        for c in text.chars() {
            let c = if fits(c, charset) { c } else { '?' };
            if line.len() + c.len_utf8() > LINE_OCTETS_MAX - 2 {
                break;
            }
            line.push(c);
        }
        output.put_slice(line.as_bytes());
        output.put_slice(b"\r\n");
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
