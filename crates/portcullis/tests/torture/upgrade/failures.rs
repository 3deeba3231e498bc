//! What goes wrong: the gate that runs goes on, or the one that comes does.

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;

use super::heirs::Rig;
use super::knocking::Knocking;
use crate::house::{binary, run};

/// The successor does not serve, says this, and nothing has changed.
fn is_refused(rig: &Rig, more: &[&str], why: &str) {
    let former = rig.serving().unwrap();
    let done = rig.upgrade(more);
    assert_eq!(done.code, Some(1), "{}", done.out);
    assert!(done.out.contains(why), "{why:?} is not said: {}", done.out);
    assert_eq!(rig.serving(), Some(former));
    assert!(rig.gate.is_healthy());
}

#[test]
fn a_successor_that_cannot_serve_says_why_and_leaves_everything_as_it_was() {
    let rig = Rig::new();
    let knocking = Knocking::begin(&rig.runtime, rig.relay(), 3);
    let segment = segment(&rig);
    is_refused(&rig, &["--binary", "/nowhere/portcullis"], "cannot be started");
    is_refused(&rig, &["--binary", "/bin/false"], "ended with exit status: 1");
    let dying = script(&rig, "dying", "kill -9 $$");
    is_refused(&rig, &["--binary", &dying], "signal: 9");

    let config = fs::read_to_string(rig.gate.config()).unwrap();
    fs::write(
        rig.gate.config(),
        config.replace("class = \"device\"", "class = \"toaster\""),
    )
    .unwrap();
    let socket = rig.gate.path("spool/control.sock").display().to_string();
    is_refused(&rig, &["--socket", &socket], "toaster");
    fs::write(rig.gate.config(), config.replace("/spool\"", "/other\"")).unwrap();
    is_refused(&rig, &["--socket", &socket], "the spool cannot be moved");
    fs::write(rig.gate.config(), &config).unwrap();
    // Not a file, where the ledger's second writer wants one.
    let in_the_way = rig.gate.path("ledger/gate-2.lock");
    fs::create_dir(&in_the_way).unwrap();
    is_refused(&rig, &[], "the ledger cannot be opened");
    fs::remove_dir(&in_the_way).unwrap();

    // A segment of the gate that runs, as a newer format would have it.
    let version = fs::read(&segment).unwrap()[8];
    for at in [8, 520] {
        patch(&segment, at, 99);
    }
    let why = format!(
        "is in format version 99; this programme reads version {version}: a newer programme wrote it; start that one"
    );
    is_refused(&rig, &[], &why);
    for at in [8, 520] {
        patch(&segment, at, version.into());
    }

    // One that asks for the sockets, and is never heard of again.
    drop(ask_for_sockets(&rig));
    rig.gate.logged(&["upgrade.failed", "went away"]);
    // Two at once.
    let first = ask_for_sockets(&rig);
    is_refused(&rig, &[], "another successor is on its way");
    drop(first);

    let seen = knocking.end(&rig.runtime);
    assert!(seen.wrong.is_empty(), "{:?}", seen.wrong);
    rig.arrive_once(seen.taken.len());
    let _heir = rig.heir("1s");
}

fn script(rig: &Rig, name: &str, text: &str) -> String {
    let path = rig.gate.path(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

fn segment(rig: &Rig) -> PathBuf {
    let names = fs::read_dir(rig.gate.path("spool")).unwrap();
    let mut paths = names.map(|name| name.unwrap().path());
    paths
        .find(|path| path.extension().is_some_and(|suffix| suffix == "segment"))
        .unwrap()
}

fn patch(path: &PathBuf, at: u64, version: u32) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(&version.to_le_bytes(), at).unwrap();
}

/// A successor that got what it asked for.
fn ask_for_sockets(rig: &Rig) -> UnixStream {
    rig.ask_for_sockets().expect("the sockets were handed out")
}

#[test]
fn a_second_gate_beside_the_first_is_refused_before_it_touches_anything() {
    let rig = Rig::new();
    let before = fs::read_dir(rig.gate.path("spool")).unwrap().count();
    let done = run(Command::new(binary())
        .args(["serve", "--config"])
        .arg(rig.gate.config()));
    assert_eq!(done.code, Some(2));
    assert!(done.out.contains("another gateway answers"), "{}", done.out);
    assert_eq!(fs::read_dir(rig.gate.path("spool")).unwrap().count(), before);
}
