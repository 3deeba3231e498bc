//! A configuration of Kea: JSON that may have comments, with `reservations` and `pools` wherever networks are.

use std::net::IpAddr;

use serde_json::Value;

use super::{DhcpError, Reservations};
use crate::network::Mac;

/// Objects within objects; deeper than any network is nested.
const DEEPEST: usize = 32;

pub(super) fn read(text: &str) -> Result<Reservations, DhcpError> {
    let plain = without_comments(text);
    let value: Value = serde_json::from_str(&plain).map_err(|why| DhcpError {
        line: Some(why.line()),
        why: format!("this is no JSON: {why}"),
    })?;
    let mut found = Reservations::default();
    walk(&value, 0, &mut found)?;
    Ok(found)
}

fn walk(value: &Value, depth: usize, found: &mut Reservations) -> Result<(), DhcpError> {
    if depth > DEEPEST {
        return Err(error("nested too deeply".to_owned()));
    }
    match value {
        Value::Array(values) => values.iter().try_for_each(|value| walk(value, depth + 1, found)),
        Value::Object(object) => object.iter().try_for_each(|(key, value)| match key.as_str() {
            "reservations" => each(value).try_for_each(|one| reservation(one, found)),
            "pools" => each(value).try_for_each(|one| pool(one, found)),
            _ => walk(value, depth + 1, found),
        }),
        _ => Ok(()),
    }
}

fn each(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

/// `{"hw-address": "…", "ip-address": "…"}`, or with `ip-addresses` for version 6. One that names its machine by
/// something else is reserved for a machine that is not known.
fn reservation(one: &Value, found: &mut Reservations) -> Result<(), DhcpError> {
    let machine = match one.get("hw-address").and_then(Value::as_str) {
        Some(text) => Some(Mac::parse(text).ok_or_else(|| error(format!("{text:?} is no machine address")))?),
        None => None,
    };
    let single = one.get("ip-address").into_iter();
    let several = one.get("ip-addresses").into_iter().flat_map(each);
    for text in single.chain(several).filter_map(Value::as_str) {
        let address = text.parse().map_err(|_| error(format!("{text:?} is no address")))?;
        found.reserve(address, machine);
    }
    Ok(())
}

/// `{"pool": "192.0.2.10 - 192.0.2.20"}` or `{"pool": "192.0.2.64/26"}`.
fn pool(one: &Value, found: &mut Reservations) -> Result<(), DhcpError> {
    let Some(text) = one.get("pool").and_then(Value::as_str) else {
        return Ok(());
    };
    let address = |text: &str| {
        text.trim()
            .parse::<IpAddr>()
            .map_err(|_| error(format!("{text:?} is no address")))
    };
    match text.split_once('-') {
        Some((from, to)) => found.range(address(from)?, address(to)?),
        None => {
            let network: ipnet::IpNet = text.trim().parse().map_err(|_| error(format!("{text:?} is no pool")))?;
            found.range(network.network(), network.broadcast());
        }
    }
    Ok(())
}

/// Blanks in place of `#`, `//` and `/* */` outside of strings, so that lines keep their numbers.
fn without_comments(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let (mut in_string, mut escaped) = (false, false);
    while let Some(char) = chars.next() {
        if in_string {
            in_string = escaped || char != '"';
            escaped = !escaped && char == '\\';
            plain.push(char);
            continue;
        }
        match (char, chars.peek()) {
            ('#', _) | ('/', Some('/')) => while chars.next_if(|char| *char != '\n').is_some() {},
            ('/', Some('*')) => {
                let mut last = ' ';
                for char in chars.by_ref() {
                    if char == '\n' {
                        plain.push('\n');
                    }
                    if last == '*' && char == '/' {
                        break;
                    }
                    last = char;
                }
            }
            _ => {
                in_string = char == '"';
                plain.push(char);
            }
        }
    }
    plain
}

/// Where in the file is not known any more once it was read.
fn error(why: String) -> DhcpError {
    DhcpError { line: None, why }
}
