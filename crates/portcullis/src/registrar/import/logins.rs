//! `smtpd_sender_login_maps`: a sender, blanks, the logins that may use it (postconf(5)).

use registry::Form;

use super::{Defaults, Item, Read};

pub(super) fn read(text: &str, defaults: &Defaults) -> Read {
    let mut read = Read::default();
    // By login, in the order in which they are met: its lines, and whom it sends as.
    let mut logins: Vec<(String, Vec<u64>, Vec<String>)> = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let plain = text.trim();
        if plain.is_empty() || plain.starts_with('#') {
            continue;
        }
        let (key, rest) = plain.split_once(char::is_whitespace).unwrap_or((plain, ""));
        let sender = match key.split_once('@') {
            Some(("", domain)) => format!("*@{domain}"),
            Some(_) => key.to_owned(),
            None => {
                read.leave(
                    line,
                    plain,
                    format!("{key:?} has no domain"),
                    format!("write it as {key}@example.edu"),
                );
                continue;
            }
        };
        let names: Vec<&str> = rest
            .split(|char: char| char.is_whitespace() || char == ',')
            .filter(|name| !name.is_empty())
            .collect();
        if names.is_empty() {
            read.leave(
                line,
                plain,
                "it names no login",
                "name the login behind the sender, or take the line out",
            );
        }
        for name in names {
            match logins.iter_mut().find(|(known, _, _)| known.eq_ignore_ascii_case(name)) {
                Some((_, lines, senders)) => {
                    lines.push(line);
                    if !senders.contains(&sender) {
                        senders.push(sender.clone());
                    }
                }
                None => logins.push((name.to_owned(), vec![line], vec![sender.clone()])),
            }
        }
    }
    read.items = logins
        .into_iter()
        .map(|(login, lines, senders)| Item {
            lines,
            form: Form {
                senders,
                device: "application".to_owned(),
                authentication: "password".to_owned(),
                tls: "1.2".to_owned(),
                ..defaults.form(&format!("login {login}"))
            },
            shown: format!("login {login}"),
            scope: None,
            login: Some(login),
        })
        .collect();
    read
}
