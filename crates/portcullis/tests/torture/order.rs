//! The order that makes 250 a promise, checked on the system calls of a run.
//!
//! For each 250 that was sent: the record with the message's id had been written whole, then a sync of that segment
//! began and returned without an error, and only then the reply began to be sent. The same for the file of a large
//! message, which must be complete before its record is begun, and for the names of both in their folder.

use std::collections::BTreeMap;

use memchr::memmem;

use crate::letters;
use crate::load::Acknowledged;
use crate::syscalls::{Call, What, read};

/// What a trace shows.
#[derive(Debug, Default)]
pub struct Shown {
    /// Replies whose order was proved.
    pub proved: usize,
    /// Of these, messages with a file of their own.
    pub own_files: usize,
    /// Syncs of segments.
    pub syncs: usize,
    /// What is wrong with the others.
    pub faults: Vec<String>,
}

/// When each thing came to be, in lines of the trace.
#[derive(Default)]
struct Facts {
    files: BTreeMap<String, File>,
    /// Where the record of an id may be: file and number of the write.
    records: BTreeMap<String, Vec<(String, usize)>>,
    /// Which file has the first octets of a message.
    bodies: BTreeMap<u64, Vec<String>>,
    /// When the reply to an id began to be sent.
    replies: BTreeMap<String, usize>,
    syncs: usize,
}

#[derive(Default)]
struct File {
    writes: Vec<Written>,
    /// From when its name is there, and from when on for good.
    named: Option<usize>,
    named_for_good: Option<usize>,
}

struct Written {
    begin: usize,
    end: usize,
    whole: bool,
    /// When the first sync that began behind it had returned.
    synced: Option<usize>,
}

/// Judges the replies to these messages by what the trace says.
pub fn judge(trace: &str, spool: &str, acknowledged: &[Acknowledged]) -> Result<Shown, String> {
    let mut facts = Facts::default();
    let calls = read(trace)?;
    // Things count from when they are done, so they are taken up in the order of their ends.
    let mut by_end: Vec<&Call> = calls.iter().collect();
    by_end.sort_by_key(|call| call.end);
    for call in by_end {
        facts.take(call, spool);
    }
    let mut shown = Shown {
        syncs: facts.syncs,
        ..Shown::default()
    };
    for one in acknowledged {
        match facts.prove(one) {
            Ok(own_file) => {
                shown.proved += 1;
                shown.own_files += usize::from(own_file);
            }
            Err(what) => shown.faults.push(format!("{} (number {}): {what}", one.id, one.number)),
        }
    }
    Ok(shown)
}

impl Facts {
    fn take(&mut self, call: &Call, spool: &str) {
        match &call.what {
            What::Send { octets } => {
                let told = String::from_utf8_lossy(octets);
                for line in told.lines().filter(|line| line.starts_with("250 ")) {
                    if let Some((_, id)) = line.split_once("stored as ") {
                        self.replies.entry(id.trim().to_owned()).or_insert(call.begin);
                    }
                }
            }
            What::Write { path, octets } if path.starts_with(spool) => self.write(call, path, octets),
            What::Sync { path } if call.done() && path == spool.trim_end_matches('/') => {
                for file in self.files.values_mut() {
                    if file.named_for_good.is_none() && file.named.is_some_and(|named| named < call.begin) {
                        file.named_for_good = Some(call.end);
                    }
                }
            }
            What::Sync { path } if call.done() && path.starts_with(spool) => {
                self.syncs += usize::from(path.ends_with(".segment"));
                for written in self.files.entry(path.clone()).or_default().writes.iter_mut() {
                    if written.synced.is_none() && written.end < call.begin {
                        written.synced = Some(call.end);
                    }
                }
            }
            What::Create { path } if call.done() && path.starts_with(spool) => {
                self.files.entry(path.clone()).or_default().named = Some(call.end);
            }
            What::Rename { from, to } if call.done() && from.starts_with(spool) => {
                let mut file = self.files.remove(from).unwrap_or_default();
                file.named = Some(call.end);
                file.named_for_good = None;
                self.files.insert(to.clone(), file);
            }
            _ => {}
        }
    }

    fn write(&mut self, call: &Call, path: &str, octets: &[u8]) {
        let file = self.files.entry(path.to_owned()).or_default();
        let nth = file.writes.len();
        file.writes.push(Written {
            begin: call.begin,
            end: call.end,
            whole: call.result == Some(octets.len() as i64) && !call.injected,
            synced: None,
        });
        if path.ends_with(".segment") {
            for word in octets.split(|octet| !octet.is_ascii_alphanumeric()) {
                if word.len() == 12 {
                    let id = String::from_utf8_lossy(word).into_owned();
                    self.records.entry(id).or_default().push((path.to_owned(), nth));
                }
            }
        }
        for place in memmem::find_iter(octets, letters::BEGINNING) {
            let digits = octets
                .get(place + letters::BEGINNING.len()..)
                .and_then(|rest| rest.get(..10));
            let number = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
            if let Some(number) = number {
                self.bodies.entry(number).or_default().push(path.to_owned());
            }
        }
    }

    /// Says whether the message had a file of its own.
    fn prove(&self, one: &Acknowledged) -> Result<bool, String> {
        let reply = *self.replies.get(&one.id).ok_or("its 250 is not in the trace")?;
        let places = self.records.get(&one.id).ok_or("no write has its id")?;
        let bodies = self.bodies.get(&one.number).ok_or("no write has its octets")?;
        let own = bodies.iter().find(|path| path.ends_with(".message"));
        let mut why = String::new();
        for (path, nth) in places {
            let record = &self.files[path].writes[*nth];
            match self
                .covered(path, record, reply)
                .and_then(|()| own.map_or(Ok(()), |own| self.complete(own, record.begin)))
            {
                Ok(()) => return Ok(own.is_some()),
                Err(what) => why = what,
            }
        }
        Err(why)
    }

    /// The record had been written and synced, and its segment had its name, before the reply began.
    fn covered(&self, path: &str, record: &Written, reply: usize) -> Result<(), String> {
        if !record.whole {
            return Err("its record was not written whole".to_owned());
        }
        match record.synced {
            None => return Err("its record was never synced".to_owned()),
            Some(synced) if synced >= reply => {
                return Err("its 250 was sent before the sync of its record had returned".to_owned());
            }
            Some(_) => {}
        }
        self.named(path, reply)
    }

    /// The file of a large message was complete, durable and named before this moment.
    fn complete(&self, path: &str, before: usize) -> Result<(), String> {
        let synced = |write: &Written| write.whole && write.synced.is_some_and(|synced| synced < before);
        if !self.files[path].writes.iter().all(synced) {
            return Err("its own file was not synced before its record was written".to_owned());
        }
        self.named(path, before)
    }

    fn named(&self, path: &str, before: usize) -> Result<(), String> {
        match self.files[path].named_for_good {
            Some(at) if at < before => Ok(()),
            _ => Err(format!("the folder was not synced in time after {path} was made")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEGMENT: &str = "7<\\x2f\\x73\\x2f\\x61\\x2e\\x73\\x65\\x67\\x6d\\x65\\x6e\\x74>";
    const FOLDER: &str = "8<\\x2f\\x73>";

    fn hex(text: &str) -> String {
        text.bytes().map(|octet| format!("\\x{octet:02x}")).collect()
    }

    /// A run of one small message, as lines.
    fn small() -> Vec<String> {
        let record = hex("id 0T4D9S4YC44K\r\nX-Number: 0000000007-0000000300\r\n");
        let reply = hex("250 2.0.0 Ok, stored as 0T4D9S4YC44K\r\n");
        [
            format!("1 openat(3<{}>, \"{}\", O_CREAT) = 7", hex("/"), hex("/s/a.segment")),
            format!("1 fsync({FOLDER}) = 0"),
            format!("1 pwritev({SEGMENT}, [{{iov_base=\"{record}\", iov_len=50}}], 1, 0) = 50"),
            format!("1 fdatasync({SEGMENT}) = 0"),
            format!("2 sendto(9<TCP:[127.0.0.1:25->127.0.0.5:9]>, \"{reply}\", 38, 0, NULL, 0) = 38"),
        ]
        .into()
    }

    fn fault(lines: &[String]) -> String {
        let one = Acknowledged {
            number: 7,
            id: "0T4D9S4YC44K".to_owned(),
        };
        let shown = judge(&lines.join("\n"), "/s/", &[one]).unwrap();
        assert_eq!(shown.proved + shown.faults.len(), 1);
        shown.faults.into_iter().next().unwrap_or_default()
    }

    #[test]
    fn the_right_order_is_recognised_and_every_wrong_one_is_told() {
        let right = small();
        assert_eq!(fault(&right), "");
        let without = |line: usize| {
            let mut lines = right.clone();
            lines.remove(line);
            lines
        };
        assert!(fault(&without(1)).contains("folder"), "the name is not durable");
        assert!(fault(&without(2)).contains("no write"), "there is no record");
        assert!(fault(&without(3)).contains("never synced"), "there is no sync");
        assert!(fault(&without(4)).contains("not in the trace"), "there is no reply");
        let swapped = |one: usize, other: usize| {
            let mut lines = right.clone();
            lines.swap(one, other);
            lines
        };
        assert!(fault(&swapped(3, 4)).contains("before the sync"), "250 before the sync");
        assert!(
            fault(&swapped(2, 3)).contains("never synced"),
            "the sync before the write"
        );
        assert!(fault(&swapped(1, 4)).contains("before the sync"), "250 at once");
    }

    #[test]
    fn a_sync_that_was_skipped_failed_or_still_runs_covers_nothing() {
        let with = |sync: [&str; 2]| {
            let mut lines = small();
            let reply = lines.pop().unwrap();
            lines.pop();
            lines.push(sync[0].replace("FILE", SEGMENT));
            lines.push(reply);
            lines.push(sync[1].to_owned());
            fault(&lines)
        };
        assert!(with(["1 fdatasync(FILE) = 0 (INJECTED)", ""]).contains("never synced"));
        assert!(with(["1 fdatasync(FILE) = -1 EIO (Input/output error)", ""]).contains("never synced"));
        let running = with(["1 fdatasync(FILE <unfinished ...>", "1 <... fdatasync resumed>) = 0"]);
        assert!(running.contains("before the sync"), "{running}");
        // A sync that began while the write was still going on does not cover it.
        let mut lines = small();
        let write = lines[2].clone();
        lines[2] = write.replace(", 1, 0) = 50", ", 1, 0 <unfinished ...>");
        lines[3] = lines[3].replacen('1', "3", 1);
        lines.insert(4, "1 <... pwritev resumed>) = 50".to_owned());
        assert!(fault(&lines).contains("never synced"));
        let mut short = small();
        short[2] = write.replace(") = 50", ") = 40");
        assert!(fault(&short).contains("not written whole"));
    }

    #[test]
    fn the_file_of_a_large_message_comes_before_its_record() {
        let file = format!("6<{}>", hex("/s/b.message"));
        let own = [
            format!("3 openat(3<{}>, \"{}\", O_CREAT) = 6", hex("/"), hex("/s/b.message")),
            format!("3 pwrite64({file}, \"{}\", 20, 0) = 20", hex("X-Number: 0000000007")),
            format!("3 fdatasync({file}) = 0"),
            format!("3 fsync({FOLDER}) = 0"),
        ];
        let mut small = small();
        let record = hex("id 0T4D9S4YC44K\r\n");
        small[2] = format!("1 pwritev({SEGMENT}, [{{iov_base=\"{record}\", iov_len=17}}], 1, 0) = 17");
        let right: Vec<String> = [&small[..2], &own, &small[2..]].concat();
        assert_eq!(fault(&right), "");
        for (left_out, told) in [(4, "own file"), (5, "folder")] {
            let mut lines = right.clone();
            lines.remove(left_out);
            assert!(fault(&lines).contains(told), "{left_out}");
        }
        // Synced in time for the reply, but behind the record.
        let late: Vec<String> = [&small[..2], &own[..2], &small[2..4], &own[2..], &small[4..]].concat();
        assert!(fault(&late).contains("own file"));
    }
}
