//! What the program stands on is taken away for real, and given back: room, the size of files, the right to write.
//!
//! Each time the same must hold: whoever may send hears a clear sentence that asks for patience, what was acknowledged
//! before is delivered in the end and once, the operator can see what is wrong, and service returns by itself.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tokio::runtime::Runtime;

use crate::house::{Gate, Plan, eventually, have, run};
use crate::load::{self, Book, send_one};
use crate::mounts::{Locked, Mounted};
use crate::receiver::Receiver;

struct Rig {
    runtime: Runtime,
    receiver: Receiver,
    gate: Gate,
    book: Book,
}

impl Rig {
    /// A gate whose spool is here; nothing leaves until the receiver greets.
    fn new(spool: &Path, keep_free: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let receiver = Receiver::start(&runtime);
        receiver.greet(false);
        let there = format!("to = [\"{}\"]", receiver.address);
        let gate = Gate::start(Plan {
            more: load::grant(),
            spool: format!(
                "dir = \"{}\"\nkeep_free = \"{keep_free}\"\nsegment_size = \"1 MiB\"",
                spool.display()
            ),
            ..Plan::of(there.clone(), there)
        });
        Self {
            runtime,
            receiver,
            gate,
            book: Book::default(),
        }
    }

    fn send(&self, octets: usize) -> String {
        let relay: SocketAddr = ([127, 0, 0, 1], self.gate.ports.relay).into();
        send_one(&self.runtime, relay, octets, &self.book)
    }

    /// Sends until somebody is refused; the refusal.
    fn send_until_refused(&self, octets: usize) -> String {
        for _ in 0..1000 {
            let told = self.send(octets);
            if !told.starts_with("250 ") {
                return told;
            }
        }
        panic!("nobody was refused");
    }

    fn acknowledged(&self) -> BTreeSet<u64> {
        self.book
            .heard(|heard| heard.acknowledged.iter().map(|one| one.number).collect())
    }

    /// Waits until service is back: mail is taken, and the gate says that it is well.
    fn serves_again(&self, octets: usize) {
        eventually("service to return", || {
            self.send(octets).starts_with("250 ").then_some(())
        });
        eventually("the gate to be well", || self.is_well().then_some(()));
    }

    fn is_well(&self) -> bool {
        self.gate.health().starts_with("HTTP/1.1 200")
    }

    /// Waits until the operator is told this by `/health`.
    fn tells(&self, what: &str) {
        eventually(&format!("/health to say {what:?}"), || {
            let health = self.gate.health();
            (health.starts_with("HTTP/1.1 503") && health.contains(what)).then_some(())
        });
    }

    /// Everything that was acknowledged has arrived, whole, and nothing twice.
    fn all_arrive_once(&self) {
        self.receiver.greet(true);
        let acknowledged = self.acknowledged();
        let arrived = eventually("everything acknowledged to arrive", || {
            let arrived = self.receiver.arrivals();
            acknowledged
                .iter()
                .all(|number| arrived.contains_key(number))
                .then_some(arrived)
        });
        assert!(self.receiver.mangled().is_empty(), "{:?}", self.receiver.mangled());
        let twice: Vec<_> = arrived.iter().filter(|(_, arrivals)| arrivals.len() > 1).collect();
        assert!(twice.is_empty(), "{twice:?}");
    }
}

#[test]
fn a_full_disk_refuses_new_mail_in_words_delivers_what_it_has_and_recovers() {
    let Some(disk) = Mounted::tmpfs(24) else { return };
    let mut rig = Rig::new(&disk.path().join("spool"), "2 MB");
    let filler = disk.fill(6 << 20);
    let told = rig.send_until_refused(100_000);
    assert!(told.starts_with("452 4.3.1 Not enough storage"), "{told}");
    rig.tells("nothing new is accepted");
    rig.gate.logged(&["disk-full", "452"]);
    assert!(rig.acknowledged().len() > 10);
    // What it has goes out while there is no room for more.
    rig.all_arrive_once();
    // Nor does a start need room for mail. What was not settled yet would go out again.
    rig.gate.empties();
    rig.gate.cut();
    rig.gate.begin();
    rig.gate.logged(&["disk-full", "452"]);
    std::fs::remove_file(filler).unwrap();
    rig.serves_again(100_000);
    rig.all_arrive_once();
}

#[test]
fn without_a_single_free_octet_nothing_is_acknowledged_and_nothing_lost() {
    let Some(disk) = Mounted::tmpfs(16) else { return };
    // No margin, so that writes themselves fail.
    let rig = Rig::new(&disk.path().join("spool"), "0 B");
    for _ in 0..20 {
        assert!(rig.send(20_000).starts_with("250 "));
    }
    let filler = disk.fill(0);
    for octets in [500, 20_000, 600_000] {
        let told = rig.send_until_refused(octets);
        assert!(told.starts_with("452 4.3.1 Not enough storage"), "{told}");
    }
    rig.tells("can be written");
    std::fs::remove_file(filler).unwrap();
    rig.serves_again(600_000);
    rig.all_arrive_once();
}

#[test]
fn a_limit_on_the_size_of_files_refuses_and_does_not_kill() {
    if !have("prlimit") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new(&folder.path().join("spool"), "0 B");
    for _ in 0..20 {
        assert!(rig.send(20_000).starts_with("250 "));
    }
    let limit = |octets: &str| {
        let mut prlimit = std::process::Command::new("prlimit");
        run(prlimit.args(["--pid", &rig.gate.id().to_string(), &format!("--fsize={octets}")])).expect_ok("prlimit");
    };
    // Soft alone, so that it may be raised again by whoever set it. Less than what a file of a message takes.
    limit("4096:unlimited");
    for octets in [20_000, 600_000] {
        let told = rig.send_until_refused(octets);
        assert!(
            told.starts_with("452 4.3.1 ") || told.starts_with("451 4.3.0 "),
            "{told}"
        );
    }
    rig.tells("can be written");
    limit("unlimited:unlimited");
    rig.serves_again(600_000);
    rig.all_arrive_once();
}

#[test]
fn a_folder_that_became_read_only_is_told_and_service_returns_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    let mut rig = Rig::new(&spool, "0 B");
    assert!(rig.send(20_000).starts_with("250 "));
    let Some(locked) = Locked::new(&spool) else { return };
    // A large message needs a file of its own; small ones go on until the segment is full.
    for octets in [600_000, 100_000] {
        let told = rig.send_until_refused(octets);
        assert!(told.starts_with("451 4.3.0 The message could not be stored"), "{told}");
    }
    rig.tells("can be written");
    drop(locked);
    rig.serves_again(600_000);
    // One that is read-only from the start is not served from, and the operator hears which folder it is.
    rig.gate.cut();
    let Some(locked) = Locked::new(&spool) else { return };
    let said = rig.gate.fail_to_start();
    assert!(said.contains("spool") && said.contains("permitted"), "{said}");
    drop(locked);
    rig.gate.restart();
    rig.all_arrive_once();
}

#[test]
fn a_file_system_that_gave_up_costs_nothing_that_was_acknowledged() {
    let Some(disk) = Mounted::ext4(48) else { return };
    let mut rig = Rig::new(&disk.path().join("spool"), "0 B");
    for octets in [500, 20_000, 600_000] {
        assert!(rig.send(octets).starts_with("250 "));
    }
    disk.abort();
    for octets in [500, 600_000] {
        let told = rig.send_until_refused(octets);
        assert!(told.starts_with("451 4.3.0 The message could not be stored"), "{told}");
    }
    rig.tells("can be written");
    rig.gate.logged(&["spool.cannot_write"]);
    rig.gate.cut();
    disk.revive();
    rig.gate.restart();
    rig.gate.logged(&["spool.opened"]);
    rig.serves_again(600_000);
    rig.all_arrive_once();
}

#[test]
fn what_a_disk_spoiled_is_named_to_the_operator_and_everything_else_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    let mut rig = Rig::new(&spool, "0 B");
    for octets in [500, 600_000, 20_000] {
        assert!(rig.send(octets).starts_with("250 "));
    }
    rig.gate.cut();
    let large = the_large_message(&spool);
    let mut octets = std::fs::read(&large).unwrap();
    octets[300_000] ^= 1;
    std::fs::write(&large, octets).unwrap();
    rig.gate.restart();
    rig.receiver.greet(true);
    let name = large.file_name().unwrap().to_string_lossy().into_owned();
    rig.gate.logged(&["spool.damaged", &name]);
    eventually("the others to arrive", || {
        (rig.receiver.arrivals().len() == 2).then_some(())
    });
    assert!(rig.receiver.mangled().is_empty(), "{:?}", rig.receiver.mangled());
    let told = rig.gate.command(&["queue", "counts"]).out;
    assert!(told.contains("Damaged and kept for you to look at: 1."), "{told}");
}

/// The file of the one message that has its own.
fn the_large_message(spool: &Path) -> PathBuf {
    let there = std::fs::read_dir(spool).unwrap().map(|entry| entry.unwrap().path());
    let mut large = there.filter(|path| path.extension().is_some_and(|end| end == "message"));
    large.next().expect("a large message has a file of its own")
}
