//! `mynetworks`: networks with blanks or commas between them, the first match counts (postconf(5)).

use ipnet::IpNet;

use super::{Defaults, Read, network};

pub(super) fn read(text: &str, defaults: &Defaults) -> Read {
    let mut read = Read::default();
    let mut refused: Vec<(u64, IpNet)> = Vec::new();
    for (line, word) in words(text) {
        one(line, word, &mut refused, defaults, &mut read);
    }
    read
}

fn one(line: u64, word: &str, refused: &mut Vec<(u64, IpNet)>, defaults: &Defaults, read: &mut Read) {
    if let Some(not) = word.strip_prefix('!') {
        match network(not) {
            Some(at) => refused.push((line, at)),
            None => read.leave(
                line,
                word,
                "this is no network",
                "correct it, and import the file again",
            ),
        }
        return;
    }
    if word.starts_with('/') || word.split_once(":/").is_some() {
        read.leave(line, word, "this names another file", "import that file by itself");
        return;
    }
    let Some(at) = network(word) else {
        read.leave(
            line,
            word,
            "this is no network",
            "name the machine's address; names are not asked for",
        );
        return;
    };
    match refused.iter().find(|(_, not)| not.contains(&at)) {
        Some((before, not)) => read.leave(
            line,
            word,
            format!("line {before} refuses {not}"),
            "nothing: it could not relay before either",
        ),
        None => read.machine(line, word, at, defaults),
    }
}

/// The words with their lines: of the setting alone, where the text is a main.cf, else of every line.
fn words(text: &str) -> Vec<(u64, &str)> {
    let is_main = text.lines().any(|line| line.starts_with("mynetworks"));
    let mut within = !is_main;
    let mut words = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with('#') {
            continue;
        }
        let mut rest = line;
        // A line that begins with a blank goes on with the setting before it.
        if is_main && !line.starts_with([' ', '\t']) && !line.trim().is_empty() {
            let value = line.split_once('=').filter(|(name, _)| name.trim() == "mynetworks");
            within = value.is_some();
            rest = value.map_or("", |(_, value)| value);
        }
        if within {
            let all = rest.split(|char: char| char.is_whitespace() || char == ',');
            words.extend(all.filter(|word| !word.is_empty()).map(|word| (number, word)));
        }
    }
    words
}
