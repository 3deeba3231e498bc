//! The ledger is complete: its chain holds from the first line to the last, and what clients heard, what peers have and
//! what the operator did is all in it, once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;

use super::Finding;
use super::reading::{self, Kind, Line, bare};
use crate::chronicle::{Reply, Story};

const CHECKER: &str = "ledger complete";
/// How late a line may reach the disk; what an end finds within that time may be missing, unless the queue knows it.
const LATE: Duration = Duration::from_millis(1500);
/// How long before an end a failing disk excuses lines that it kept from being written.
const FAILING: Duration = Duration::from_secs(3600);

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
fn chain(story: &Story) -> Result<Vec<Line>, String> {
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
    let known: BTreeSet<&str> = lines
        .iter()
        .filter(|line| matches!(line.event(), "refuse" | "auth"))
        .map(|line| line.text("id"))
        .collect();
    let dropped = lines.iter().any(|line| line.event() == "ledger.dropped");
    for reply in &story.refusals {
        let Some(id) = reply.id() else {
            findings.push(Finding::new(
                CHECKER,
                None,
                format!("a refusal without an id: {} {}", reply.code, reply.text),
            ));
            continue;
        };
        if !known.contains(id) && !dropped && !cut_short(story, reply) {
            findings.push(Finding::new(
                CHECKER,
                None,
                format!("a refusal the ledger does not know: {} {}", reply.code, reply.text),
            ));
        }
    }
}

/// Whether an end came before the line had to be on disk.
fn cut_short(story: &Story, reply: &Reply) -> bool {
    ends_within(story, reply.when.at, LATE) || failing_until_the_end(story, reply.when.at)
}

fn ends_within(story: &Story, at: Duration, late: Duration) -> bool {
    let ends = story.lives.iter().filter_map(|life| life.until);
    ends.into_iter()
        .any(|(end, how)| how != "stop" && end.at >= at && end.at <= at + late)
}

/// A disk that fails is asked again and again; where an end comes before it obeys, what waited is lost.
fn failing_until_the_end(story: &Story, at: Duration) -> bool {
    let ends = story.lives.iter().filter_map(|life| life.until);
    ends.into_iter()
        .filter(|(end, _)| end.at >= at && end.at <= at + FAILING)
        .any(|(end, _)| {
            story
                .blows
                .iter()
                .any(|blow| blow.kind.starts_with("disk-") && blow.when.at >= at && blow.when.at <= end.at)
        })
}

/// Every delivery is there, and none that was none.
fn deliveries(story: &Story, lines: &[Line], findings: &mut Vec<Finding>) {
    let ids = reading::ids(story);
    let numbers: BTreeMap<&str, u32> = ids.iter().map(|(number, id)| (*id, *number)).collect();
    let of = |event: &'static str| -> BTreeSet<(&str, &str)> {
        let lines = lines.iter().filter(move |line| line.event() == event);
        lines
            .map(|line| (line.text("qid"), reading::place(line.text("rcpt"))))
            .collect()
    };
    let (delivered, failed, removed) = (of("deliver.ok"), of("deliver.fail"), of("queue.remove"));
    let queued: BTreeSet<(&str, &str)> = story
        .queued
        .iter()
        .map(|one| (one.id.as_str(), reading::place(&one.to)))
        .collect();
    let mut arrived: BTreeSet<(u32, &str)> = BTreeSet::new();
    for arrival in &story.arrivals {
        let Kind::Letter(number) = reading::kind(arrival) else {
            continue;
        };
        let Some(id) = ids.get(&number) else { continue };
        for to in arrival.to.iter().map(|to| reading::destination(to)) {
            arrived.insert((number, to));
            let key = (*id, to);
            let otherwise = failed.contains(&key)
                || removed.contains(&key)
                || removed.contains(&(*id, ""))
                || queued.contains(&key);
            let cut_short = ends_within(story, arrival.when.at, LATE) || failing_until_the_end(story, arrival.when.at);
            if !delivered.contains(&key) && !otherwise && !cut_short {
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
