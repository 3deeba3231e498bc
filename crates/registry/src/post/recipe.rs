//! How a device is set up, in the words its menus use.

use std::fmt::Write as _;

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
    /// For what comes by its address alone.
    pub relay: Option<u16>,
}

/// The settings of the device of this case.
pub(super) fn recipe(kept: &Kept, doors: &Doors) -> String {
    let form = &kept.form;
    let by_address = form.authentication.trim().eq_ignore_ascii_case("none");
    let mut lines = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing into a text does not fail.
        let _ = writeln!(lines, "  {name:<14} {value}");
    };
    line("Server", &doors.host);
    if by_address {
        if let Some(port) = doors.relay {
            line("Port", &format!("{port} (encryption: STARTTLS where the device can)"));
        }
        line("Login", "none");
        line("Known by", &format!("its address, {}", form.address.trim()));
    } else {
        ports(doors, &mut line);
        line("User name", &kept.id.to_string());
        match form.authentication.trim() {
            kind if kind.eq_ignore_ascii_case("oauth2") => line("Password", "none: a token of your identity provider"),
            kind if kind.eq_ignore_ascii_case("certificate") => line("Password", "none: the device's certificate"),
            _ => line("Password", "the secret that you were shown once"),
        }
    }
    line("Sender", &form.senders.join(", "));
    lines.trim_end().to_owned()
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
