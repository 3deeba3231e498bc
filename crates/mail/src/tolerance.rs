//! What a grant lets a device get away with.

/// Faults of old devices that a grant tolerates; nothing is tolerated by default.
///
/// These touch framing or security, so they belong to one grant and begin when it is selected: at accept for an address
/// exception, at AUTH success otherwise. Bare CR and NUL have no entry here: they are never tolerated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tolerances {
    /// Lines that end with LF alone are taken and mended to CRLF.
    pub bare_lf: bool,
    /// Text lines longer than RFC 5321 §4.5.3.1.6 allows are taken and broken.
    pub long_lines: bool,
    /// A message without a From field is taken; the field is added.
    pub missing_from: bool,
    /// STARTTLS is not offered to this client, which stumbles over it.
    pub no_starttls_advertised: bool,
}

impl Tolerances {
    /// Nothing is tolerated.
    pub const NONE: Self = Self {
        bare_lf: false,
        long_lines: false,
        missing_from: false,
        no_starttls_advertised: false,
    };
}
