//! Text in headers (RFC 2047).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Octets of text in one encoded word: 75 characters, less its frame, three octets in four characters (RFC 2047 §2).
const WORD_OCTETS: usize = 45;

/// The text as it may stand in a header: one line, and beyond US-ASCII in encoded words.
pub(crate) fn encoded(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if clean.is_ascii() {
        return clean;
    }
    let mut words = vec![String::new()];
    for c in clean.chars() {
        match words.last_mut() {
            Some(word) if word.len() + c.len_utf8() <= WORD_OCTETS => word.push(c),
            _ => words.push(c.to_string()),
        }
    }
    let word = |word: &String| format!("=?utf-8?B?{}?=", STANDARD.encode(word));
    words.iter().map(word).collect::<Vec<_>>().join("\r\n ")
}
