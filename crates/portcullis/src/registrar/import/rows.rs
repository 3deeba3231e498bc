//! CSV: a line of names, then a row for each grant.

use registry::{Addendum, Contact, Form};

use super::{Defaults, Item, Read, network};

/// The columns that are read, each with its other names.
const COLUMNS: [&[&str]; 19] = [
    &["address", "ip"],
    &["host", "fqdn", "name"],
    &["device", "type"],
    &["model"],
    &["department"],
    &["purpose", "reason"],
    &["from", "senders", "sender"],
    &["to", "recipients"],
    &["login", "authentication"],
    &["requestor"],
    &["requestor_name"],
    &["technical", "contact"],
    &["owner"],
    &["head"],
    &["per_day"],
    &["scope"],
    &["state"],
    &["location"],
    &["until"],
];

pub(super) fn read(text: &str, defaults: &Defaults) -> Read {
    let mut read = Read::default();
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .flexible(true)
        .from_reader(text.as_bytes());
    let names = match reader.headers() {
        Ok(names) => names.clone(),
        Err(_) => {
            read.leave(
                1,
                text.lines().next().unwrap_or_default(),
                "this is no CSV in UTF-8",
                "export it again",
            );
            return read;
        }
    };
    let columns = COLUMNS.map(|all| {
        names
            .iter()
            .position(|name| all.iter().any(|own| own.eq_ignore_ascii_case(name)))
    });
    if columns.iter().all(Option::is_none) {
        let advice = "the first line is to name the columns: address, host, device, department, purpose, from, to, login, \
                      requestor, technical, owner, head, per_day, scope";
        read.leave(
            1,
            &names.iter().collect::<Vec<_>>().join(","),
            "no column is known by its name",
            advice,
        );
        return read;
    }
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                let fields = columns.map(|at| at.and_then(|at| record.get(at)).unwrap_or_default());
                row(line, fields, &record, defaults, &mut read);
            }
            Err(why) => {
                let line = why.position().map_or(0, csv::Position::line);
                read.leave(
                    line,
                    "",
                    "this row cannot be read",
                    "a value with a comma or a quote in it stands in quotes",
                );
            }
        }
    }
    read
}

fn row(line: u64, fields: [&str; 19], record: &csv::StringRecord, defaults: &Defaults, read: &mut Read) {
    let [
        address,
        host,
        device,
        model,
        department,
        purpose,
        from,
        to,
        login,
        requestor,
        requestor_name,
        technical,
        owner,
        head,
        per_day,
        scope,
        state,
        location,
        _until,
    ] = fields;
    let text = record.iter().collect::<Vec<_>>().join(",");
    if record.iter().all(str::is_empty) {
        return;
    }
    if ["rejected", "withdrawn", "superseded", "expired", "revoked"]
        .iter()
        .any(|over| state.starts_with(over))
    {
        return read.leave(line, &text, format!("it is {state}"), "nothing: it does not serve");
    }
    let login = if login.is_empty() && address.is_empty() {
        "password"
    } else {
        login
    };
    let by_address = login.is_empty() || login.eq_ignore_ascii_case("none");
    if by_address || !address.is_empty() {
        let Some(at) = network(address) else {
            return read.leave(
                line,
                &text,
                format!("{address:?} is no address"),
                "name the machine's address",
            );
        };
        let at = policy::unmapped(at);
        if let Some((why, advice)) = super::unfit(&at, defaults) {
            return read.leave(line, &text, why, advice);
        }
        let shown = super::shown(&at);
        if read.items.iter().any(|item| item.form.address == shown) {
            return read.leave(
                line,
                &text,
                "its address stands in an earlier row",
                "take one of them out",
            );
        }
    }
    let or = |said: &str, default: &str| {
        if said.is_empty() {
            default.to_owned()
        } else {
            said.to_owned()
        }
    };
    let several = |said: &str, default: &[String]| -> Vec<String> {
        let words = said.split(|char: char| char.is_whitespace() || char == ';' || char == ',');
        let words: Vec<String> = words.filter(|word| !word.is_empty()).map(str::to_owned).collect();
        if words.is_empty() { default.to_vec() } else { words }
    };
    let mut person = contact(requestor, &defaults.requestor);
    if !requestor_name.is_empty() {
        requestor_name.clone_into(&mut person.name);
    }
    let usual = defaults.form("");
    let form = Form {
        address: network(address)
            .map(|at| super::shown(&policy::unmapped(at)))
            .unwrap_or_default(),
        host: host.to_owned(),
        device: or(device, if by_address { "other" } else { "application" }),
        model: model.to_owned(),
        location: location.to_owned(),
        department: or(department, &usual.department),
        purpose: or(purpose, &usual.purpose),
        senders: several(from, &usual.senders),
        recipients: several(to, &usual.recipients),
        authentication: or(login, "none"),
        tls: if by_address { "none" } else { "1.2" }.to_owned(),
        requestor: person,
        technical: contact(technical, &usual.technical),
        owner: contact(owner, &usual.owner),
        exception: (!head.is_empty()).then(|| Addendum {
            head: contact(head, &Contact::default()),
            ..Addendum::default()
        }),
        volume: registry::Volume {
            per_day: per_day.parse().unwrap_or_default(),
            ..registry::Volume::default()
        },
        ..usual
    };
    let shown = match (address.is_empty(), host.is_empty()) {
        (false, _) => form.address.clone(),
        (true, false) => host.to_owned(),
        (true, true) => form.senders.join(" "),
    };
    read.items.push(Item {
        lines: vec![line],
        shown,
        form,
        scope: (!scope.is_empty()).then(|| scope.to_owned()),
    });
}

/// `Ann Smith <ann@example.edu>`, or an address alone, which is then the name as well.
fn contact(text: &str, default: &Contact) -> Contact {
    if text.is_empty() {
        return default.clone();
    }
    let (name, email) = match text.split_once('<') {
        Some((name, rest)) => (name.trim(), rest.trim_end_matches('>').trim()),
        None => ("", text),
    };
    Contact {
        name: if name.is_empty() { email } else { name }.to_owned(),
        email: email.to_owned(),
    }
}
