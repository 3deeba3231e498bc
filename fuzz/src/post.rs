//! What comes to the address that letters of the registry are from: reports, and answers.

use registry::{Heard, heard};

/// What such mail is made of.
pub(crate) const WORDS: &[&[u8]] = &[
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=\"B\"\r\n",
    b"\r\n--B\r\nContent-Type: message/delivery-status\r\n\r\n",
    b"\r\n--B\r\nContent-Type: text/rfc822-headers\r\n\r\n",
    b"\r\n--B--\r\n",
    b"Final-Recipient: rfc822; tom@example.edu\r\nAction: failed\r\n",
    b"Original-Recipient: rfc822;Tom@example.edu\r\n",
    b"Message-ID: <letter-7@gate.example.edu>\r\n",
    b"In-Reply-To: <letter-7@gate.example.edu>\r\n",
    b"References: <a@b> <c@d>\r\n",
    b"Auto-Submitted: auto-replied\r\n",
    b"Precedence: bulk\r\n",
    b"boundary=",
    b"\r\n\r\n",
    b"\r\n ",
    b"<>",
];

/// Characters of what a stranger wrote that may be kept.
const CHARS_MAX: usize = 200;

/// Whatever a stranger writes is short, of one line, and an answer only where somebody sent it.
pub(crate) fn run(octets: &[u8]) {
    assert!(
        !matches!(heard(octets, true), Some(Heard::Answer { .. })),
        "nobody answered"
    );
    match heard(octets, false) {
        Some(Heard::Returned { message, to }) => {
            assert!(message.contains('@') && !to.is_empty());
            assert!(to.iter().all(|to| to.contains('@') && *to == to.to_ascii_lowercase()));
            assert!(heard(octets, true).is_some(), "a report is one, whoever sends it");
        }
        Some(Heard::Answer { to, from, subject }) => {
            assert!(!to.is_empty() && to.iter().all(|id| id.contains('@')));
            for said in [from, subject] {
                assert!(
                    said.chars().count() <= CHARS_MAX && !said.contains(char::is_control),
                    "{said:?}"
                );
            }
        }
        None => {}
    }
}
