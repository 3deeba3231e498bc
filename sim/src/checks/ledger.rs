//! The ledger is complete: its chain holds from the first line to the last, and what clients heard, what peers have and
//! what the operator did is all in it, once.
//!
//! What it tolerates: refusals, and only they, are known to nobody but the ledger. One may be missing where a bad end came
//! within a minute and a second behind it (of time in which the machine was awake), for alike ones are gathered so long, or
//! later while the ledger's disk refused without a pause; and as many as the ledger says that it dropped, or counted
//! without telling their ids. A delivery that the gateway may not have heard of, or had no time
//! to settle, need not be told of, for it is made again; one of mail that an operator removed meanwhile is told of as
//! removed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;

use super::Finding;
use super::cut::{REFUSALS, SETTLEMENT, hearing, taking, unheard};
use super::reading::{self, Kind, Line, bare};
use crate::chronicle::Story;

const CHECKER: &str = "ledger complete";

/// Checks it.
#[must_use]
pub fn check(story: &Story) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = match chain(story) {
        Ok(lines) => lines,
        Err(what) => {
            findings.push(Finding::new(CHECKER, None, what));
            reading::lines(story)
        }
    };
    acceptances(story, &lines, &mut findings);
    refusals(story, &lines, &mut findings);
    deliveries(story, &lines, &mut findings);
    findings
}

/// Follows the chain back from its last file, as whoever audits it would; the lines that count, in order.
pub(super) fn chain(story: &Story) -> Result<Vec<Line>, String> {
    let mut files: BTreeMap<String, Vec<Line>> = BTreeMap::new();
    for (name, octets) in &story.ledger {
        files.insert(name.clone(), good_lines(name, octets));
    }
    let mut whole: Vec<Line> = Vec::new();
    let mut next = files.keys().next_back().cloned();
    // Where the file that is read ends, as the one behind it says.
    let mut end: Option<(u64, String)> = None;
    while let Some(name) = next {
        let mut lines = files.remove(&name).ok_or(format!("{name} is named and is not there"))?;
        if let Some((octets, seal)) = &end {
            let mut at = 0;
            lines.retain(|line| {
                at += line.octets.len() as u64 + 1;
                at <= *octets
            });
            if lines.last().map(|line| line.text("hash")) != Some(seal) {
                return Err(format!("{name} does not end with the line that is named behind it"));
            }
        }
        let first = lines.first().ok_or(format!("{name} has no line"))?;
        if first.event() != "ledger.open" {
            return Err(format!("{name} does not begin with its opening"));
        }
        let after = first.value.get("after").filter(|after| !after.is_null());
        next = after.and_then(|after| Some(after.get("file")?.as_str()?.to_owned()));
        end = after.and_then(|after| {
            let octets = after.get("octets")?.as_u64()?;
            Some((octets, after.get("hash")?.as_str()?.to_owned()))
        });
        lines.append(&mut whole);
        whole = lines;
    }
    let zero = "0".repeat(64);
    let mut before = zero.as_str();
    for (place, line) in whole.iter().enumerate() {
        if line.text("prev") != before || line.number("seq") != Some(place as u64) {
            return Err(format!("line {place} in {} does not follow the one before", line.file));
        }
        before = line.text("hash");
    }
    Ok(whole)
}

/// The lines whose seal fits, up to the first that is none.
fn good_lines(file: &str, octets: &[u8]) -> Vec<Line> {
    let mut lines = Vec::new();
    for octets in octets.split_inclusive(|octet| *octet == b'\n') {
        let Some(octets) = octets.strip_suffix(b"\n") else {
            break;
        };
        let Ok(value @ Value::Object(_)) = serde_json::from_slice::<Value>(octets) else {
            break;
        };
        let text = String::from_utf8_lossy(octets);
        let sealed = text
            .rsplit_once(",\"hash\":\"")
            .map(|(sealed, _)| sealed.to_owned())
            .unwrap_or_default();
        let seal: String = digest(&SHA256, sealed.as_bytes())
            .as_ref()
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect();
        if value.get("hash").and_then(Value::as_str) != Some(&seal) {
            break;
        }
        lines.push(Line {
            file: file.to_owned(),
            value,
            octets: octets.to_vec(),
        });
    }
    lines
}

/// Every message that was taken is there once, with its sender and its recipients.
fn acceptances(story: &Story, lines: &[Line], findings: &mut Vec<Finding>) {
    let mut accepted: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.event() == "data.accept") {
        accepted.entry(line.text("qid")).or_default().push(line);
    }
    for (id, lines) in &accepted {
        if lines.len() > 1 {
            findings.push(Finding::new(
                CHECKER,
                None,
                format!("{id} was accepted {} times", lines.len()),
            ));
        }
    }
    for one in story.transmissions.iter().filter(|one| one.is_taken()) {
        let Some(id) = one.id() else { continue };
        let mut say = |what: String| findings.push(Finding::new(CHECKER, Some(one.number), what));
        let Some(line) = accepted.get(id).and_then(|lines| lines.first()) else {
            say(format!("{id} was taken, and the ledger does not know"));
            continue;
        };
        let recorded: BTreeSet<String> = line
            .list("recipients")
            .iter()
            .filter_map(|recipient| Some(place(bare(recipient.get("rcpt")?.as_str()?))))
            .collect();
        let heard: BTreeSet<String> = one.recipients().map(place).collect();
        if recorded != heard {
            say(format!(
                "{id} was taken for {heard:?}, and the ledger says {recorded:?}"
            ));
        }
        if bare(line.text("from")) != one.from {
            say(format!(
                "{id} came from <{}>, and the ledger says {}",
                one.from,
                line.text("from")
            ));
        }
    }
}

/// A recipient as it is recorded: where its mail goes, whatever case it was written in.
fn place(to: &str) -> String {
    reading::destination(&to.to_ascii_lowercase()).to_owned()
}

/// Every refusal that names an event is there.
fn refusals(story: &Story, lines: &[Line], findings: &mut Vec<Finding>) {
    let mut known: BTreeSet<&str> = lines
        .iter()
        .filter(|line| matches!(line.event(), "refuse" | "auth"))
        .map(|line| line.text("id"))
        .collect();
    let mut uncounted: u64 = lines.iter().filter_map(|line| line.number("refusals")).sum();
    for many in lines.iter().filter(|line| line.event() == "refuse.many") {
        let ids: Vec<&str> = many.list("ids").iter().filter_map(Value::as_str).collect();
        let times = many.number("times").unwrap_or_default();
        match times.checked_sub(ids.len() as u64) {
            Some(nameless) => uncounted += nameless,
            None => {
                let what = format!("{times} refusals are counted, and {} ids are told of them", ids.len());
                findings.push(Finding::new(CHECKER, None, what));
            }
        }
        known.extend(ids);
    }
    let mut missing = Vec::new();
    for reply in &story.refusals {
        let Some(id) = reply.id() else {
            let what = format!("a refusal without an id: {} {}", reply.code, reply.text);
            findings.push(Finding::new(CHECKER, None, what));
            continue;
        };
        if !known.contains(id) && !REFUSALS.cut_off(story, hearing(reply), Duration::MAX) {
            let what = format!("a refusal the ledger does not know: {} {}", reply.code, reply.text);
            missing.push(Finding::new(CHECKER, None, what));
        }
    }
    if missing.len() as u64 > uncounted {
        findings.append(&mut missing);
    }
}

/// Every delivery is there, and none that was none; nothing that became of a recipient is told twice.
fn deliveries(story: &Story, lines: &[Line], findings: &mut Vec<Finding>) {
    let ids = reading::ids(story);
    let numbers: BTreeMap<&str, u32> = ids.iter().map(|(number, id)| (*id, *number)).collect();
    told_once(lines, &numbers, findings);
    let of = |event: &'static str| -> BTreeSet<(&str, &str)> {
        let lines = lines.iter().filter(move |line| line.event() == event);
        lines
            .map(|line| (line.text("qid"), reading::place(line.text("rcpt"))))
            .collect()
    };
    let (delivered, removed) = (of("deliver.ok"), of("queue.remove"));
    let mut arrived: BTreeSet<(u32, &str)> = BTreeSet::new();
    for arrival in &story.arrivals {
        let Kind::Letter(number) = reading::kind(arrival) else {
            continue;
        };
        let Some(id) = ids.get(&number) else { continue };
        let unsettled = unheard(story, arrival) || SETTLEMENT.cut_off(story, taking(arrival), Duration::MAX);
        for to in arrival.to.iter().map(|to| reading::destination(to)) {
            arrived.insert((number, to));
            let key = (*id, to);
            let taken_out = removed.contains(&key) || removed.contains(&(*id, ""));
            if !delivered.contains(&key) && !unsettled && !taken_out {
                let what = format!("{id} arrived for <{to}>, and the ledger does not know");
                findings.push(Finding::new(CHECKER, Some(number), what));
            }
        }
    }
    for (id, to) in &delivered {
        let Some(number) = numbers.get(id) else { continue };
        if !arrived.contains(&(*number, *to)) {
            let what = format!("the ledger says that {id} was delivered to <{to}>, and nobody has it");
            findings.push(Finding::new(CHECKER, Some(*number), what));
        }
    }
}

/// No attempt is told of twice, and nobody's end comes twice.
fn told_once(lines: &[Line], numbers: &BTreeMap<&str, u32>, findings: &mut Vec<Finding>) {
    let (mut attempts, mut ends) = (BTreeSet::new(), BTreeSet::new());
    for line in lines {
        let is_end = matches!(line.event(), "deliver.ok" | "deliver.fail");
        if !is_end && line.event() != "queue.defer" {
            continue;
        }
        let key = (line.text("qid"), line.text("rcpt"));
        let again = !line.text("attempt").is_empty() && !attempts.insert((key, line.text("attempt")));
        if again || is_end && !ends.insert(key) {
            let what = format!("{} is told of twice for {}", key.0, key.1);
            findings.push(Finding::new(CHECKER, numbers.get(key.0).copied(), what));
        }
    }
}
