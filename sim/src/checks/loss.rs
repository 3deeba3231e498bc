//! No loss: whoever heard 250 can count on it. Every recipient of such a message got it whole, or it is still in the
//! queue, or its sender was told that it failed, or an operator took it out and that is on record.
//!
//! It tolerates nothing: whatever a recipient came to is stored with its testimony, so no end of the gateway keeps it from
//! the ledger, and no failure is settled before its notice is in the queue.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Finding;
use super::reading::{self, Kind, Line};
use crate::chronicle::{Arrival, Story, Transmission};
use crate::town::is_own;

const CHECKER: &str = "no loss";

/// What is on record about messages that did not arrive.
#[derive(Default)]
struct Record {
    /// (id, recipient) that failed.
    failed: BTreeSet<(String, String)>,
    /// (id, recipient) that an operator removed; an empty recipient is all of them.
    removed: BTreeSet<(String, String)>,
    /// Messages a notice of failure was taken into the queue about.
    told: BTreeSet<String>,
    /// (number, recipient) whose failure somebody has a notice of.
    heard: BTreeSet<(u32, String)>,
}

/// Checks it.
#[must_use]
pub fn check(story: &Story) -> Vec<Finding> {
    let record = Record::of(story);
    let queued: BTreeSet<(&str, &str)> = story
        .queued
        .iter()
        .map(|one| (one.id.as_str(), reading::place(&one.to)))
        .collect();
    let mut arrived: BTreeMap<(u32, String), Vec<&Arrival>> = BTreeMap::new();
    let mut findings = Vec::new();
    for arrival in &story.arrivals {
        match reading::kind(arrival) {
            Kind::Letter(number) => {
                for to in &arrival.to {
                    let to = reading::destination(to).to_owned();
                    arrived.entry((number, to)).or_default().push(arrival);
                }
            }
            Kind::Notice(_) => {}
            Kind::Unknown => findings.push(Finding::new(
                CHECKER,
                None,
                format!(
                    "{} has what nobody sent: {:?}",
                    arrival.peer,
                    String::from_utf8_lossy(arrival.octets.get(..300).unwrap_or(&arrival.octets))
                ),
            )),
        }
    }
    for one in &story.transmissions {
        whole(one, &arrived, &mut findings);
        let Some(id) = one.id().filter(|_| one.is_taken()) else {
            if one.is_taken() {
                findings.push(Finding::new(CHECKER, Some(one.number), "taken without an id"));
            }
            continue;
        };
        for to in one.recipients() {
            let goes_to = reading::destination(to).to_owned();
            let is_there = arrived.contains_key(&(one.number, goes_to.clone()));
            let waits = queued.contains(&(id, goes_to.as_str()));
            let accounted = record.accounts_for(one, id, &goes_to);
            if !(is_there || waits || accounted) {
                let what = format!("{id}, taken for <{to}>, is nowhere: not arrived, not queued, nobody was told");
                findings.push(Finding::new(CHECKER, Some(one.number), what));
            }
        }
    }
    findings
}

/// What arrived, at the right place or not, is what was sent.
fn whole(one: &Transmission, arrived: &BTreeMap<(u32, String), Vec<&Arrival>>, findings: &mut Vec<Finding>) {
    for ((_, to), arrivals) in arrived.range((one.number, String::new())..(one.number + 1, String::new())) {
        for arrival in arrivals {
            if !is_same(&one.octets, arrival) {
                let what = format!("what {} has for <{to}> is not what was sent", arrival.peer);
                findings.push(Finding::new(CHECKER, Some(one.number), what));
            }
            let at_home = crate::town::PLACES.iter().find(|place| place.host == arrival.peer);
            let domain = to.rsplit('@').next().unwrap_or_default();
            let right = at_home.is_some_and(|place| place.domains.contains(&domain) && place.inside == is_own(to));
            if !right {
                let what = format!("{} has mail for <{to}>, which does not belong there", arrival.peer);
                findings.push(Finding::new(CHECKER, Some(one.number), what));
            }
        }
    }
}

/// Fields that may be put before a message.
const ADDED: &[&str] = &["Received", "Message-ID", "Date", "From"];

/// The message as it was sent, behind fields that may be put before it; or, where the peer takes no 8-bit octets, with
/// its body in another encoding.
fn is_same(sent: &[u8], arrival: &Arrival) -> bool {
    if let Some(before) = arrival.octets.strip_suffix(sent) {
        return only_added_fields(before);
    }
    if arrival.eight_bit || sent.is_ascii() {
        return false;
    }
    let (Some((_, sent)), Some((header, body))) = (parts(sent), parts(&arrival.octets)) else {
        return false;
    };
    let header = String::from_utf8_lossy(header).to_ascii_lowercase();
    let decoded = if header.contains("content-transfer-encoding: quoted-printable") {
        unquoted(body)
    } else if header.contains("content-transfer-encoding: base64") {
        let digits: Vec<u8> = body
            .iter()
            .copied()
            .filter(|octet| !octet.is_ascii_whitespace())
            .collect();
        STANDARD.decode(digits).ok()
    } else {
        None
    };
    decoded.is_some_and(|decoded| decoded == sent)
}

fn only_added_fields(before: &[u8]) -> bool {
    let text = String::from_utf8_lossy(before);
    let is_whole = text.is_empty() || text.ends_with("\r\n");
    is_whole
        && text.split_terminator("\r\n").all(|line| {
            let folded = line.starts_with([' ', '\t']);
            folded || line.split_once(':').is_some_and(|(name, _)| ADDED.contains(&name))
        })
}

/// Header and body.
fn parts(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = octets.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some((octets.get(..end)?, octets.get(end + 4..)?))
}

/// Quoted-printable, read back.
fn unquoted(body: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = body;
    while let Some((octet, behind)) = rest.split_first() {
        rest = behind;
        if *octet != b'=' {
            out.push(*octet);
            continue;
        }
        let (two, behind) = rest.split_at_checked(2)?;
        rest = behind;
        if two != b"\r\n" {
            out.push(u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok()?);
        }
    }
    Some(out)
}

impl Record {
    fn of(story: &Story) -> Self {
        let mut record = Self::default();
        for line in reading::lines(story) {
            let key = (
                line.text("qid").to_owned(),
                reading::place(line.text("rcpt")).to_owned(),
            );
            match line.event() {
                "deliver.fail" => drop(record.failed.insert(key)),
                "queue.remove" => drop(record.removed.insert(key)),
                "data.accept" => record.told.extend(failure_told(&line)),
                _ => {}
            }
        }
        for arrival in &story.arrivals {
            if let Kind::Notice(Some(number)) = reading::kind(arrival) {
                let failed = failures(&arrival.octets).into_iter();
                record.heard.extend(failed.map(|to| (number, to)));
            }
        }
        record
    }

    fn accounts_for(&self, one: &Transmission, id: &str, to: &str) -> bool {
        let key = (id.to_owned(), to.to_owned());
        let all = (id.to_owned(), String::new());
        // Whoever said that nobody is to be told, or has no address to be told at, is not.
        let nobody_to_tell = one.quiet || one.from.is_empty() && !is_device(one);
        let failed = self.failed.contains(&key) && (nobody_to_tell || self.told.contains(id));
        let heard = self.heard.contains(&(one.number, to.to_owned()));
        failed || heard || self.removed.contains(&key) || self.removed.contains(&all)
    }
}

/// The message whose failure the notice tells that was accepted here.
pub(super) fn failure_told(line: &Line) -> Option<String> {
    line.list("recipients").iter().find_map(|recipient| {
        let notice = recipient.get("basis")?.get("notice")?;
        let parent = notice.get("parent")?.as_str()?;
        (notice.get("kind")?.as_str()? == "failure").then(|| parent.to_owned())
    })
}

/// The recipients a notice says have failed (RFC 3464 §2.3).
pub(super) fn failures(notice: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(notice);
    let blocks = text
        .split("\r\n\r\n")
        .filter(|block| block.lines().any(|line| line == "Action: failed"));
    let named = blocks.filter_map(|block| block.lines().find_map(|line| line.strip_prefix("Final-Recipient: ")));
    named
        .filter_map(|field| Some(field.split_once(';')?.1.trim().to_owned()))
        .collect()
}

/// A device has a contact who hears in its place.
fn is_device(one: &Transmission) -> bool {
    one.ip.to_string().starts_with("10.20.3.")
}
