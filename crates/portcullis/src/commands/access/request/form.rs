//! A form from a file and from flags.

use std::path::Path;

use anyhow::Context;
use registry::{Addendum, Contact, Form, Kept};

use super::super::Trouble;
use super::super::office::Refusal;
use crate::config::{Problem, Report, Source};

/// Octets of a form at most.
const OCTETS_MAX: u64 = 1 << 20;

/// The commonest fields, as flags.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Fields of the form")]
pub(super) struct Fields {
    /// Who asks.
    #[arg(long, value_name = "NAME <ADDRESS>", value_parser = contact)]
    requestor: Option<Contact>,
    /// Who sets it up, and hears of its troubles.
    #[arg(long, value_name = "NAME <ADDRESS>", value_parser = contact)]
    technical: Option<Contact>,
    /// Who answers for it.
    #[arg(long, value_name = "NAME <ADDRESS>", value_parser = contact)]
    owner: Option<Contact>,
    /// Who takes the risk of an exception: a dean, department head or director.
    #[arg(long, value_name = "NAME <ADDRESS>", value_parser = contact)]
    head: Option<Contact>,
    /// Whose it is.
    #[arg(long, value_name = "TEXT")]
    department: Option<String>,
    /// copier, scanner, ups, network, instrument, application, server or other.
    #[arg(long, value_name = "KIND")]
    device: Option<String>,
    /// Vendor and model.
    #[arg(long, value_name = "TEXT")]
    model: Option<String>,
    /// Its IP address.
    #[arg(long, value_name = "IP")]
    address: Option<String>,
    /// Its host name.
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Whom it sends as; may be said several times.
    #[arg(long = "from", value_name = "ADDRESS")]
    senders: Vec<String>,
    /// To whom beside our own domains: a domain, or any; may be said several times.
    #[arg(long = "to", value_name = "DOMAIN|any")]
    recipients: Vec<String>,
    /// Messages on a usual day.
    #[arg(long, value_name = "N")]
    per_day: Option<u32>,
    /// How it can log in: oauth2, password, directory, certificate or none.
    #[arg(long, value_name = "WAY")]
    authentication: Option<String>,
    /// The newest TLS it speaks: 1.3, 1.2, old or none.
    #[arg(long, value_name = "VERSION")]
    tls: Option<String>,
    /// What for.
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,
    /// The last day.
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// Why an exception has to be.
    #[arg(long, value_name = "TEXT")]
    justification: Option<String>,
}

/// Reads `Ann Smith <ann@example.edu>`, or an address alone.
pub(in crate::commands::access) fn contact(text: &str) -> Result<Contact, String> {
    let text = text.trim();
    let Some((name, rest)) = text.split_once('<') else {
        return Ok(Contact {
            name: String::new(),
            email: text.to_owned(),
        });
    };
    let email = rest
        .strip_suffix('>')
        .ok_or("write it as in Ann Smith <ann@example.edu>")?;
    Ok(Contact {
        name: name.trim().trim_matches('"').to_owned(),
        email: email.trim().to_owned(),
    })
}

/// The form: of the file, else of the case that is there, with what the flags say.
pub(super) fn of(file: Option<&Path>, fields: &Fields, former: Option<&Kept>) -> Result<Form, Trouble> {
    let mut form = match (file, former) {
        (Some(file), _) => read(file)?,
        (None, Some(kept)) => kept.form.clone(),
        (None, None) => Form::default(),
    };
    fields.put_into(&mut form);
    if form == Form::default() {
        return Err(Refusal::new("nothing is asked for".to_owned())
            .advise("portcullis access request --template prints a form to fill in; --form FILE hands it in")
            .into());
    }
    Ok(form)
}

impl Fields {
    /// The end that is asked for now: what stood in the former form is none.
    pub(super) fn until(&self, now: &str, former: &str) -> String {
        if self.until.is_some() || now != former {
            now.to_owned()
        } else {
            String::new()
        }
    }

    fn put_into(&self, form: &mut Form) {
        let words = [
            (&self.department, &mut form.department),
            (&self.device, &mut form.device),
            (&self.model, &mut form.model),
            (&self.address, &mut form.address),
            (&self.host, &mut form.host),
            (&self.authentication, &mut form.authentication),
            (&self.tls, &mut form.tls),
            (&self.purpose, &mut form.purpose),
            (&self.until, &mut form.until),
        ];
        for (said, field) in words {
            if let Some(said) = said {
                field.clone_from(said);
            }
        }
        let people = [
            (&self.requestor, &mut form.requestor),
            (&self.technical, &mut form.technical),
            (&self.owner, &mut form.owner),
        ];
        for (said, field) in people {
            if let Some(said) = said {
                *field = named(said, field);
            }
        }
        for (said, field) in [
            (&self.senders, &mut form.senders),
            (&self.recipients, &mut form.recipients),
        ] {
            if !said.is_empty() {
                field.clone_from(said);
            }
        }
        if let Some(per_day) = self.per_day {
            form.volume.per_day = per_day;
        }
        if self.head.is_some() || self.justification.is_some() {
            let addendum = form.exception.get_or_insert_with(Addendum::default);
            if let Some(head) = &self.head {
                addendum.head = named(head, &addendum.head);
            }
            if let Some(why) = &self.justification {
                addendum.justification.clone_from(why);
            }
        }
    }
}

/// Somebody by address alone keeps the name that the form has for them.
fn named(said: &Contact, former: &Contact) -> Contact {
    let same = said.name.is_empty() && said.email.eq_ignore_ascii_case(&former.email);
    if same { former.clone() } else { said.clone() }
}

fn read(file: &Path) -> Result<Form, Trouble> {
    let name = file.display().to_string();
    let cannot = || format!("the form {name} cannot be read");
    if std::fs::metadata(file).with_context(cannot)?.len() > OCTETS_MAX {
        return Err(Trouble::Failed(anyhow::anyhow!("the form {name} is larger than 1 MiB")));
    }
    let text = std::fs::read_to_string(file).with_context(cannot)?;
    let parsed = if text.trim_start().starts_with('{') {
        serde_json::from_str(&text).map_err(|why| {
            let lines = text.split_inclusive('\n').take(why.line().saturating_sub(1));
            let at = lines.map(str::len).sum::<usize>() + why.column().saturating_sub(1);
            (Some(at..at + 1), why.to_string())
        })
    } else {
        toml::from_str(&text).map_err(|why| (why.span(), why.message().to_owned()))
    };
    parsed.map_err(|(at, said): (Option<std::ops::Range<usize>>, String)| {
        let problem = Problem::error(at, said)
            .advise("portcullis access request --template shows every field, and what it may be");
        let report = Report::new(Source::new(&name, text), vec![problem]);
        Refusal::new(format!("{name} is not understood"))
            .showing(report.render())
            .into()
    })
}
