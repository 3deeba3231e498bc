//! CSV: a line of names, then a row for each grant.

use std::collections::BTreeSet;

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
    let mut taken = BTreeSet::new();
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                let fields = columns.map(|at| at.and_then(|at| record.get(at)).unwrap_or_default());
                if !record.iter().all(str::is_empty) {
                    let text = record.iter().collect::<Vec<_>>().join(",");
                    put(line, fields, &text, defaults, &mut taken, &mut read);
                }
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

/// A row by its columns; empty where it has none.
struct Row<'a> {
    address: &'a str,
    host: &'a str,
    device: &'a str,
    model: &'a str,
    department: &'a str,
    purpose: &'a str,
    from: &'a str,
    to: &'a str,
    login: &'a str,
    requestor: &'a str,
    requestor_name: &'a str,
    technical: &'a str,
    owner: &'a str,
    head: &'a str,
    per_day: &'a str,
    scope: &'a str,
    state: &'a str,
    location: &'a str,
}

impl<'a> Row<'a> {
    fn of(fields: [&'a str; 19]) -> Self {
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
        Self {
            address,
            host,
            device,
            model,
            department,
            purpose,
            from,
            to,
            // Who has no address logs in.
            login: if login.is_empty() && address.is_empty() {
                "password"
            } else {
                login
            },
            requestor,
            requestor_name,
            technical,
            owner,
            head,
            per_day,
            scope,
            state,
            location,
        }
    }

    /// Whether it is over, and so nothing to import.
    fn is_over(&self) -> bool {
        let over = ["rejected", "withdrawn", "superseded", "expired", "revoked"];
        over.iter().any(|over| self.state.starts_with(over))
    }

    fn is_by_address(&self) -> bool {
        self.login.is_empty() || self.login.eq_ignore_ascii_case("none")
    }

    fn form(&self, at: String, defaults: &Defaults) -> Form {
        let usual = defaults.form("");
        let by_address = self.is_by_address();
        let mut person = contact(self.requestor, &defaults.requestor);
        if !self.requestor_name.is_empty() {
            self.requestor_name.clone_into(&mut person.name);
        }
        Form {
            address: at,
            host: self.host.to_owned(),
            device: or(self.device, if by_address { "other" } else { "application" }),
            model: self.model.to_owned(),
            location: self.location.to_owned(),
            department: or(self.department, &usual.department),
            purpose: or(self.purpose, &usual.purpose),
            senders: several(self.from, &usual.senders),
            recipients: several(self.to, &usual.recipients),
            authentication: or(self.login, "none"),
            tls: if by_address { "none" } else { "1.2" }.to_owned(),
            requestor: person,
            technical: contact(self.technical, &usual.technical),
            owner: contact(self.owner, &usual.owner),
            exception: (!self.head.is_empty()).then(|| Addendum {
                head: contact(self.head, &Contact::default()),
                ..Addendum::default()
            }),
            volume: registry::Volume {
                per_day: self.per_day.parse().unwrap_or_default(),
                ..registry::Volume::default()
            },
            ..usual
        }
    }

    /// As it is shown: by its address, its name, or whom it sends as.
    fn shown(&self, form: &Form) -> String {
        match (self.address.is_empty(), self.host.is_empty()) {
            (false, _) => form.address.clone(),
            (true, false) => self.host.to_owned(),
            (true, true) => form.senders.join(" "),
        }
    }
}

/// Why something is not imported, and what to do instead.
type Unfit = (String, &'static str);

/// The address of a row, as it is shown; empty where it logs in from anywhere. No two rows have the same.
fn place(row: &Row<'_>, defaults: &Defaults, taken: &mut BTreeSet<String>) -> Result<String, Unfit> {
    if !row.is_by_address() && row.address.is_empty() {
        return Ok(String::new());
    }
    let at = network(row.address)
        .ok_or_else(|| (format!("{:?} is no address", row.address), "name the machine's address"))?;
    let at = policy::unmapped(at);
    match super::unfit(&at, defaults) {
        Some(unfit) => Err(unfit),
        None if !taken.insert(super::shown(&at)) => Err((
            "its address stands in an earlier row".to_owned(),
            "take one of them out",
        )),
        None => Ok(super::shown(&at)),
    }
}

fn put(line: u64, fields: [&str; 19], text: &str, defaults: &Defaults, taken: &mut BTreeSet<String>, read: &mut Read) {
    let row = Row::of(fields);
    if row.is_over() {
        let why = format!("it is {}", row.state);
        return read.leave(line, text, why, "nothing: it does not serve");
    }
    let at = match place(&row, defaults, taken) {
        Ok(at) => at,
        Err((why, advice)) => return read.leave(line, text, why, advice),
    };
    let form = row.form(at, defaults);
    read.items.push(Item {
        lines: vec![line],
        shown: row.shown(&form),
        form,
        scope: (!row.scope.is_empty()).then(|| row.scope.to_owned()),
        login: None,
    });
}

fn or(said: &str, default: &str) -> String {
    if said.is_empty() { default } else { said }.to_owned()
}

fn several(said: &str, default: &[String]) -> Vec<String> {
    let words = said.split(|char: char| char.is_whitespace() || char == ';' || char == ',');
    let words: Vec<String> = words.filter(|word| !word.is_empty()).map(str::to_owned).collect();
    if words.is_empty() { default.to_vec() } else { words }
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
