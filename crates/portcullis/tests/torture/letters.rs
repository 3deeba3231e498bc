//! Messages that follow from a number, so that whoever gets one can tell which it is and that every octet is right.

use std::fmt::Write;

/// Begins each message; what stands before it was added on the way.
pub const BEGINNING: &str = "X-Number: ";

/// Message `number`, of about this many octets, as it goes over the wire without dot-stuffing.
pub fn text(number: u64, octets: usize) -> Vec<u8> {
    let mut text = format!(
        "{BEGINNING}{number:010}-{octets:010}\r\nFrom: <billing@example.edu>\r\nTo: <somebody@elsewhere.example>\r\n\
         Subject: number {number}\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n\
         Message-ID: <number.{number}@example.edu>\r\n\r\n"
    );
    text.reserve(octets);
    let mut dice = number
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add((octets as u64) << 20)
        | 1;
    while text.len() < octets {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        let dot = if dice.is_multiple_of(5) { "." } else { "" };
        let _ = write!(text, "{dot}{dice:016x}{:01$}\r\n", 0, (dice >> 8) as usize % 60 + 1);
    }
    text.into_bytes()
}

/// Which message this is and the id it was given, if every octet behind the trace headers is right.
pub fn recognise(arrived: &[u8]) -> Result<(u64, String), String> {
    let place = arrived
        .windows(BEGINNING.len())
        .position(|window| window == BEGINNING.as_bytes())
        .ok_or("no message of ours")?;
    let (added, ours) = arrived.split_at(place);
    let numbers = ours.get(BEGINNING.len()..BEGINNING.len() + 21).ok_or("cut off")?;
    let numbers = std::str::from_utf8(numbers).map_err(|_| "its number is damaged")?;
    let (number, octets) = numbers.split_once('-').ok_or("its number is damaged")?;
    let number = number.parse().map_err(|_| "its number is damaged")?;
    let octets = octets.parse().map_err(|_| "its length is damaged")?;
    if octets > 1 << 30 || text(number, octets) != ours {
        return Err(format!("message {number} is mangled"));
    }
    let added = String::from_utf8_lossy(added);
    if !added.starts_with("Received: ") || added.matches("Received: ").count() != 1 {
        return Err(format!("message {number} has the wrong trace: {added}"));
    }
    let id = added
        .split_once(" id ")
        .and_then(|(_, rest)| rest.split([';', ' ', '\r']).next());
    Ok((number, id.ok_or("its trace has no id")?.to_owned()))
}

/// The octets as DATA sends them.
pub fn stuffed(text: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::with_capacity(text.len() + 1024);
    for line in text.split_inclusive(|octet| *octet == b'\n') {
        if line.starts_with(b".") {
            stuffed.push(b'.');
        }
        stuffed.extend_from_slice(line);
    }
    stuffed.extend_from_slice(b".\r\n");
    stuffed
}

#[test]
fn a_message_is_known_by_its_number_and_any_change_to_it_is_seen() {
    let mut arrived = b"Received: from a by b id 0T4D9S4YC44K; now\r\n".to_vec();
    arrived.extend(text(7, 600));
    assert_eq!(recognise(&arrived), Ok((7, "0T4D9S4YC44K".to_owned())));
    for at in 44..arrived.len() {
        arrived[at] ^= 1;
        assert!(recognise(&arrived).is_err(), "octet {at}");
        arrived[at] ^= 1;
    }
    assert!(recognise(&arrived[..arrived.len() - 1]).is_err());
}
