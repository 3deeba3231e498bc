//! How a device is set up, in the words its menus use.

use std::fmt::Write as _;

use crate::form::Authentication;
use crate::store::Kept;

/// Where devices deliver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doors {
    /// The host name of the relay.
    pub host: String,
    /// With TLS from the first octet.
    pub implicit: Option<u16>,
    /// With STARTTLS, and a login.
    pub submission: Option<u16>,
    /// For what comes by its address or by a certificate.
    pub relay: Option<u16>,
}

/// The settings of the device of this case.
pub(super) fn recipe(kept: &Kept, doors: &Doors) -> String {
    let form = &kept.form;
    let logs_in_by = form.logs_in_by();
    let mut lines = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing into a text does not fail.
        let _ = writeln!(lines, "  {name:<14} {value}");
    };
    line("Server", &doors.host);
    match logs_in_by {
        Some(Authentication::None) => {
            relay(doors, "STARTTLS where the device can", &mut line);
            line("Login", "none");
            line("Known by", &format!("its address, {}", form.address.trim()));
        }
        // Where logins are asked for, a certificate opens nothing.
        Some(Authentication::Certificate) => {
            relay(doors, "STARTTLS", &mut line);
            line("Login", "none");
            line("Known by", "the device's certificate");
        }
        by_login => {
            ports(doors, &mut line);
            let id = kept.id.to_string();
            let (login, password) = match by_login {
                Some(Authentication::OAuth2) => (&*id, "none: a token of your identity provider"),
                Some(Authentication::Directory) => ("that of the directory", "that of the directory"),
                _ => (&*id, "the secret that you were shown once"),
            };
            line("User name", login);
            line("Password", password);
        }
    }
    line("Sender", &form.senders.join(", "));
    lines.trim_end().to_owned()
}

fn relay(doors: &Doors, encryption: &str, line: &mut impl FnMut(&str, &str)) {
    if let Some(port) = doors.relay {
        line("Port", &format!("{port} (encryption: {encryption})"));
    }
}

fn ports(doors: &Doors, line: &mut impl FnMut(&str, &str)) {
    if let Some(port) = doors.implicit {
        line("Port", &format!("{port} (encryption: SSL/TLS)"));
    }
    if let Some(port) = doors.submission {
        let name = if doors.implicit.is_some() { "or port" } else { "Port" };
        line(name, &format!("{port} (encryption: STARTTLS)"));
    }
}
