//! Whether what a server wrote can be read as replies, by rule and by another's reader.

use smtp_proto::response::parser::ResponseReceiver;

/// Octets of a reply line at most (RFC 5321 §4.5.3.1.5).
const LINE_OCTETS_MAX: usize = 512;

/// Panics unless `said` is a row of whole, well-formed replies; gives their codes.
pub(crate) fn read(said: &[u8]) -> Vec<u16> {
    let mut codes = Vec::new();
    let mut open: Option<u16> = None;
    let mut rest = said;
    while !rest.is_empty() {
        let end = rest
            .windows(2)
            .position(|pair| pair == b"\r\n")
            .expect("a reply without its end");
        let line = &rest[..end];
        rest = &rest[end + 2..];
        assert!(
            line.len() + 2 <= LINE_OCTETS_MAX,
            "a reply line of {} octets",
            line.len()
        );
        let text = std::str::from_utf8(line).expect("a reply that is no text");
        assert!(!text.contains(char::is_control), "a control character in {text:?}");
        let code: u16 = text[..3].parse().expect("a code");
        assert!(
            (200..600).contains(&code) && open.is_none_or(|open| open == code),
            "{text:?}"
        );
        match text.as_bytes().get(3) {
            Some(b'-') => open = Some(code),
            Some(b' ') => {
                codes.push(code);
                open = None;
            }
            other => panic!("{other:?} behind the code of {text:?}"),
        }
    }
    assert_eq!(open, None, "a reply that goes on for ever");
    assert_eq!(
        codes,
        read_by_another(said),
        "another reader reads other replies in {:?}",
        String::from_utf8_lossy(said)
    );
    codes
}

/// The codes as smtp-proto reads them.
fn read_by_another(said: &[u8]) -> Vec<u16> {
    let mut octets = said.iter();
    let mut codes = Vec::new();
    while !octets.as_slice().is_empty() {
        let mut receiver = ResponseReceiver::default();
        match receiver.parse(&mut octets) {
            Ok(response) => codes.push(response.code),
            Err(error) => panic!("{error:?}"),
        }
    }
    codes
}
