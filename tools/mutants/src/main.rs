//! Rewrites the source of `crates/policy` wrongly, in every small way that could change a verdict, and runs its tests
//! against each of these mutants. A mutant that no test notices is a survivor: it must stand in
//! `crates/policy/tests/survivors.txt`, with the reason why it changes no verdict.
//!
//!     make mutants
//!     make mutants ONLY='checks.rs network'     those whose names contain this
//!     make mutants LIST=1                       their names alone
//!
//! Works on a copy of the source, in target/mutants. Ends with 1 where a survivor is not explained, or an explanation is
//! of no survivor.

mod rewrite;
mod run;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use rewrite::Mutant;

/// What verdicts come from; how they are shown, proven or compared is elsewhere.
const FILES: [&str; 6] = [
    "checks.rs",
    "decide.rs",
    "facts.rs",
    "live.rs",
    "model.rs",
    "snapshot.rs",
];

/// What a run ends with when something cannot be done, in words.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match work() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("mutants: {why}");
            ExitCode::from(2)
        }
    }
}

struct Arguments {
    root: PathBuf,
    target: PathBuf,
    only: String,
    list: bool,
}

fn arguments() -> Result<Arguments, Failure> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: mutants ROOT TARGET [--list] [--only TEXT]";
    let mut found = Arguments {
        root: arguments.next().ok_or(usage)?.into(),
        target: arguments.next().ok_or(usage)?.into(),
        only: String::new(),
        list: false,
    };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--list" => found.list = true,
            "--only" => found.only = arguments.next().ok_or(usage)?,
            _ => return Err(usage.into()),
        }
    }
    Ok(found)
}

fn work() -> Result<bool, Failure> {
    let arguments = arguments()?;
    let tree = arguments.target.join("tree");
    copy(&arguments.root, &tree)?;
    let mutants = write(&tree.join("crates/policy/src"))?;
    let wanted: Vec<Mutant> = mutants
        .into_iter()
        .filter(|mutant| mutant.name.contains(&arguments.only))
        .collect();
    if arguments.list {
        wanted.iter().for_each(|mutant| println!("{}", mutant.name));
        return Ok(true);
    }
    let programs = run::build(&tree, &arguments.target.join("build"))?;
    let survivors = run::all(&programs, &wanted)?;
    let explained = explanations(&arguments.root.join("crates/policy/tests/survivors.txt"))?;
    Ok(told(&wanted, &survivors, &explained))
}

/// Copies what the project keeps.
fn copy(root: &Path, tree: &Path) -> Result<(), Failure> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()?;
    if !listed.status.success() {
        return Err(String::from_utf8_lossy(&listed.stderr).into());
    }
    for name in String::from_utf8(listed.stdout)?
        .split('\0')
        .filter(|name| !name.is_empty())
    {
        let (from, to) = (root.join(name), tree.join(name));
        let Ok(octets) = std::fs::read(&from) else { continue };
        // What has not changed keeps its time, so that only what changed is built again.
        if std::fs::read(&to).is_ok_and(|there| there == octets) {
            continue;
        }
        std::fs::create_dir_all(to.parent().unwrap_or(tree))?;
        std::fs::write(&to, octets)?;
    }
    Ok(())
}

/// Writes the mutants into the copy.
fn write(folder: &Path) -> Result<Vec<Mutant>, Failure> {
    let mut mutants = Vec::new();
    for name in FILES {
        let path = folder.join(name);
        let rewritten = rewrite::rewrite(name, &std::fs::read_to_string(&path)?, &mut mutants)
            .map_err(|error| format!("{name}: {error}"))?;
        std::fs::write(&path, rewritten)?;
    }
    let path = folder.join("lib.rs");
    let text = std::fs::read_to_string(&path)?;
    std::fs::write(&path, format!("{text}\n{}\n", rewrite::question()))?;
    Ok(mutants)
}

/// `name` lines, each followed by lines that begin with a space and explain it.
fn explanations(path: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut last = String::new();
    for line in text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
    {
        if line.starts_with(' ') {
            found.entry(last.clone()).or_default().push_str(line.trim());
        } else {
            last = line.trim_end().to_owned();
            found.entry(last.clone()).or_default();
        }
    }
    Ok(found)
}

/// Says how it went; whether it went well.
fn told(wanted: &[Mutant], survivors: &[Mutant], explained: &BTreeMap<String, String>) -> bool {
    println!(
        "{} mutants, {} noticed, {} survive",
        wanted.len(),
        wanted.len() - survivors.len(),
        survivors.len()
    );
    let is_explained = |name: &str| explained.get(name).is_some_and(|why| !why.is_empty());
    let strange: Vec<_> = survivors.iter().filter(|mutant| !is_explained(&mutant.name)).collect();
    for mutant in &strange {
        println!("survives, and nobody says why: {}", mutant.name);
    }
    let survives = |name: &str| survivors.iter().any(|mutant| mutant.name == name);
    let known = |name: &str| wanted.iter().any(|mutant| mutant.name == name);
    let idle: Vec<_> = explained.keys().filter(|name| known(name) && !survives(name)).collect();
    for name in &idle {
        println!("explained, and noticed all the same: {name}");
    }
    strange.is_empty() && idle.is_empty()
}
