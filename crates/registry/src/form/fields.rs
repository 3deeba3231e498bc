//! Fields with a closed list of values.

use policy::Class;

/// A kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Device {
    /// Copier or printer that scans to mail.
    Copier,
    /// Scanner.
    Scanner,
    /// UPS, heating, building control.
    Building,
    /// Switches, routers, access points.
    Network,
    /// Laboratory instrument.
    Instrument,
    /// A program.
    Application,
    /// A mail server.
    Server,
    /// Something else.
    Other,
}

impl Device {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("copier", Self::Copier),
        ("scanner", Self::Scanner),
        ("ups", Self::Building),
        ("network", Self::Network),
        ("instrument", Self::Instrument),
        ("application", Self::Application),
        ("server", Self::Server),
        ("other", Self::Other),
    ];

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        of(Self::NAMES, text)
    }

    /// Whether it is talked over before it is approved.
    #[must_use]
    pub const fn is_consulted(self) -> bool {
        matches!(self, Self::Application | Self::Server)
    }

    /// The limits it gets.
    #[must_use]
    pub const fn class(self, bulk: bool) -> Class {
        match self {
            Self::Server => Class::Department,
            Self::Application if bulk => Class::Bulk,
            Self::Application => Class::Application,
            _ => Class::Device,
        }
    }
}

/// How a device can show who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Authentication {
    /// A token of an issuer.
    OAuth2,
    /// A name and a secret.
    Password,
    /// A name and a password that a directory knows.
    Directory,
    /// A client certificate.
    Certificate,
    /// Not at all: its address is all there is.
    None,
}

impl Authentication {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("oauth2", Self::OAuth2),
        ("password", Self::Password),
        ("directory", Self::Directory),
        ("certificate", Self::Certificate),
        ("none", Self::None),
    ];

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        of(Self::NAMES, text)
    }
}

/// The newest TLS a device speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tls {
    /// TLS 1.3.
    V13,
    /// TLS 1.2.
    V12,
    /// Something that is not to be relied on.
    Old,
    /// None.
    None,
}

impl Tls {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("1.3", Self::V13),
        ("1.2", Self::V12),
        ("old", Self::Old),
        ("none", Self::None),
    ];

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        of(Self::NAMES, text)
    }

    /// Whether a secret may be sent through it.
    #[must_use]
    pub const fn keeps_secrets(self) -> bool {
        matches!(self, Self::V13 | Self::V12)
    }
}

fn of<T: Copy>(names: &[(&str, T)], text: &str) -> Result<T, String> {
    let found = names.iter().find(|(name, _)| name.eq_ignore_ascii_case(text.trim()));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let all: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        format!("one of {}", all.join(", "))
    })
}
