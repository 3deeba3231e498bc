//! `dhcpd.conf`: words, braces and semicolons (dhcpd.conf(5)).

use std::net::IpAddr;

use super::{DhcpError, Reservations};
use crate::network::Mac;

/// A word with its line.
type Word<'a> = (usize, &'a str);

pub(super) fn read(text: &str) -> Result<Reservations, DhcpError> {
    let words = words(text);
    let mut found = Reservations::default();
    // What was said in each block that is open, from the outermost: is it a host, and what of it is known.
    let mut open: Vec<Option<Host>> = Vec::new();
    let mut statement: Vec<Word<'_>> = Vec::new();
    for (line, word) in words {
        match word {
            "{" => {
                let host = statement.first().is_some_and(|(_, first)| *first == "host");
                open.push(host.then(Host::default));
                statement.clear();
            }
            "}" => {
                let closed = open
                    .pop()
                    .ok_or_else(|| error(line, "a brace is closed that was not opened"))?;
                if let Some(host) = closed {
                    for address in host.addresses {
                        found.reserve(address, host.machine);
                    }
                }
                statement.clear();
            }
            ";" => {
                take(&statement, open.last_mut().and_then(Option::as_mut), &mut found)?;
                statement.clear();
            }
            _ => statement.push((line, word)),
        }
    }
    if open.is_empty() {
        Ok(found)
    } else {
        Err(error(
            text.lines().count(),
            "the file ends before its last brace is closed",
        ))
    }
}

#[derive(Default)]
struct Host {
    machine: Option<Mac>,
    addresses: Vec<IpAddr>,
}

/// A statement that says something about addresses; all others are passed over.
fn take(statement: &[Word<'_>], host: Option<&mut Host>, found: &mut Reservations) -> Result<(), DhcpError> {
    let texts: Vec<&str> = statement.iter().map(|(_, text)| *text).collect();
    let line = statement.first().map_or(0, |(line, _)| *line);
    match (texts.as_slice(), host) {
        (["hardware", "ethernet", mac], Some(host)) => {
            let mac = Mac::parse(mac).ok_or_else(|| error(line, &format!("{mac:?} is no machine address")))?;
            host.machine = Some(mac);
        }
        (["fixed-address" | "fixed-address6", addresses @ ..], Some(host)) => {
            for text in addresses
                .iter()
                .flat_map(|text| text.split(','))
                .filter(|text| !text.is_empty())
            {
                // A name is as good as its look-up, which is not ours to make: such a host is not known here.
                if let Ok(address) = text.parse() {
                    host.addresses.push(address);
                }
            }
        }
        (["range" | "range6", rest @ ..], _) => range(rest, line, found)?,
        _ => {}
    }
    Ok(())
}

fn range(words: &[&str], line: usize, found: &mut Reservations) -> Result<(), DhcpError> {
    let bounds: Vec<&str> = words.iter().copied().filter(|word| *word != "dynamic-bootp").collect();
    let address = |text: &str| {
        text.parse::<IpAddr>()
            .map_err(|_| error(line, &format!("{text:?} is no address")))
    };
    match bounds.as_slice() {
        [one] => match one.parse::<ipnet::IpNet>() {
            Ok(network) => found.range(network.network(), network.broadcast()),
            Err(_) => found.range(address(one)?, address(one)?),
        },
        [from, to, ..] => found.range(address(from)?, address(to)?),
        [] => return Err(error(line, "a range without addresses")),
    }
    Ok(())
}

/// Words, braces and semicolons; comments are passed over, and what stands in quotes is one word.
fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let len = match first {
                '#' => break,
                '{' | '}' | ';' => 1,
                '"' => rest
                    .char_indices()
                    .skip(1)
                    .find(|(_, char)| *char == '"')
                    .map_or(rest.len(), |(at, _)| at + 1),
                _ => rest
                    .find(|char: char| char.is_whitespace() || "{};\"#".contains(char))
                    .unwrap_or(rest.len()),
            };
            let (word, after) = rest.split_at(len);
            words.push((line, word));
            rest = after.trim_start();
        }
    }
    words
}

fn error(line: usize, why: &str) -> DhcpError {
    DhcpError {
        line: Some(line),
        why: why.to_owned(),
    }
}
