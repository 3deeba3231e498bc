//! Names the engine: a digest of everything judgement and its proofs are made of.
//!
//! What was proven by one engine is not proven by another. So the digest covers the sources of this room and of the
//! nouns it speaks of, and the versions of what they are built on; it is the same wherever the same sources are built.

use std::path::{Path, PathBuf};

fn main() {
    let room = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let parts = [
        room.join("src"),
        room.join("Cargo.toml"),
        room.join("../mail/src"),
        room.join("../../Cargo.lock"),
    ];
    let mut files = Vec::new();
    for part in &parts {
        println!("cargo::rerun-if-changed={}", part.display());
        gather(part, &mut files);
    }
    files.sort();
    let digest = files.iter().fold(0xcbf2_9ce4_8422_2325_u64, |digest, file| {
        let name = file.strip_prefix(&room).unwrap_or(file).to_string_lossy();
        let text = std::fs::read(file).unwrap_or_default();
        // Lengths keep two files apart from one that is both.
        let length = (text.len() as u64).to_le_bytes();
        [name.as_bytes(), &length, &text].into_iter().fold(digest, fnv)
    });
    println!("cargo::rustc-env=POLICY_ENGINE={digest:016x}");
}

fn gather(path: &Path, files: &mut Vec<PathBuf>) {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().for_each(|entry| gather(&entry.path(), files)),
        Err(_) => files.push(path.to_owned()),
    }
}

/// FNV-1a: accidents are to be told apart here, not forgeries.
fn fnv(digest: u64, octets: &[u8]) -> u64 {
    octets.iter().fold(digest, |digest, octet| {
        (digest ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3)
    })
}
