//! What a client says about a message beside its addresses: the ESMTP parameters of MAIL and RCPT.

/// `BODY=` of MAIL (RFC 6152). BINARYMIME is not offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BodyType {
    /// Lines of US-ASCII.
    #[default]
    SevenBit,
    /// Lines of octets.
    EightBitMime,
}

/// `RET=` of MAIL: how much of a failed message its notice carries (RFC 3461 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DsnReturn {
    /// The whole message.
    Full,
    /// Its headers.
    Headers,
}

/// `NOTIFY=` of RCPT (RFC 3461 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notify {
    /// The sender wants to hear nothing.
    Never,
    /// The events the sender wants to hear of; at least one is set.
    On {
        /// Delivered to the last hop that speaks DSN, or beyond.
        success: bool,
        /// Given up.
        failure: bool,
        /// Late.
        delay: bool,
    },
}

impl Notify {
    /// What holds when the client said nothing: failure and delay (RFC 3461 §4.1 leaves it to us).
    pub const UNSAID: Self = Self::On {
        success: false,
        failure: true,
        delay: true,
    };

    /// Whether a failure is to be told.
    #[must_use]
    pub const fn on_failure(self) -> bool {
        matches!(self, Self::On { failure: true, .. })
    }

    /// Whether a delay is to be told.
    #[must_use]
    pub const fn on_delay(self) -> bool {
        matches!(self, Self::On { delay: true, .. })
    }

    /// Whether a success is to be told.
    #[must_use]
    pub const fn on_success(self) -> bool {
        matches!(self, Self::On { success: true, .. })
    }
}

/// Parameters of MAIL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailParams {
    /// `SIZE=`: octets the client means to send (RFC 1870).
    pub size: Option<u64>,
    /// `BODY=`.
    pub body: BodyType,
    /// `SMTPUTF8` (RFC 6531).
    pub smtputf8: bool,
    /// `RET=`.
    pub ret: Option<DsnReturn>,
    /// `ENVID=`, decoded from xtext; at most 100 octets (RFC 3461 §4.4).
    pub envid: Option<Box<str>>,
}

/// Parameters of RCPT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RcptParams {
    /// `NOTIFY=`; `None` where the client said nothing.
    pub notify: Option<Notify>,
    /// `ORCPT=` as `type;address`, decoded from xtext (RFC 3461 §4.2).
    pub orcpt: Option<Box<str>>,
}
