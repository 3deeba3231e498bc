//! What the dialogue refuses by itself, and the words for it: one table.

use mail::{EnhancedCode, Reply};

use super::framing::BodyFault;
use super::{Timer, Violation};
use crate::command::{Fault, LineFault, PathKind};

fn refusal(reason: &'static str, code: u16, enhanced: (u8, u16, u16), text: impl Into<String>) -> Violation {
    let (class, subject, detail) = enhanced;
    let reply = Reply::new(code, EnhancedCode::new(class, subject, detail), text.into());
    Violation {
        reason,
        reply,
        fatal: false,
    }
}

fn fatal(reason: &'static str, code: u16, enhanced: (u8, u16, u16), text: impl Into<String>) -> Violation {
    Violation {
        fatal: true,
        ..refusal(reason, code, enhanced, text)
    }
}

/// Framing (RFC 5321 §2.3.8, §4.1.1.4): what follows cannot be trusted to be what it seems.
pub(super) fn framing(fault: LineFault) -> Violation {
    match fault {
        LineFault::BareLf => fatal("bare-lf", 500, (5, 5, 2), "Bare line feed; lines end with CR LF"),
        LineFault::BareCr => fatal("bare-cr", 500, (5, 5, 2), "Bare carriage return; lines end with CR LF"),
        LineFault::Nul => fatal("nul", 500, (5, 5, 2), "A NUL octet; mail has none"),
    }
}

/// A body that is refused; framing apart, the dialogue goes on behind it.
pub(super) fn body(fault: BodyFault) -> Violation {
    match fault {
        BodyFault::Line(fault) => framing(fault),
        BodyFault::LongLine => refusal(
            "long-line",
            554,
            (5, 6, 0),
            "A line of the message is too long; break the lines or encode the text",
        ),
        BodyFault::TooBig => too_big(),
    }
}

/// A command that is wrong in itself.
pub(super) fn syntax(fault: Fault) -> Violation {
    match fault {
        Fault::BadCharacter => refusal(
            "bad-character",
            500,
            (5, 5, 2),
            "A control character, or octets that are not UTF-8",
        ),
        Fault::Arguments(form) => refusal("bad-arguments", 501, (5, 5, 4), form),
        Fault::HelloName => refusal(
            "bad-hello-name",
            501,
            (5, 5, 4),
            "Give a host name or an address in brackets",
        ),
        Fault::Path(PathKind::Reverse, why) => refusal("bad-sender-address", 501, (5, 1, 7), why),
        Fault::Path(PathKind::Forward, why) => refusal("bad-recipient-address", 501, (5, 1, 3), why),
        Fault::SourceRoute => refusal(
            "source-route",
            553,
            (5, 1, 3),
            "Routes through other hosts are not followed; give the address alone",
        ),
        Fault::NeedsSmtputf8(_) => refusal(
            "needs-smtputf8",
            553,
            (5, 6, 7),
            "An address beyond ASCII needs the SMTPUTF8 parameter of MAIL",
        ),
        Fault::UnknownParameter(name) => refusal(
            "unknown-parameter",
            555,
            (5, 5, 4),
            format!("The parameter {name} is not offered"),
        ),
        Fault::BadParameter(why) => refusal("bad-parameter", 501, (5, 5, 4), why),
        Fault::TooBig => too_big(),
        Fault::UnknownMechanism => refusal(
            "unknown-mechanism",
            504,
            (5, 5, 4),
            "That mechanism is not offered; EHLO lists those that are",
        ),
        Fault::Base64 => refusal("bad-base64", 501, (5, 5, 2), "That is not base64"),
    }
}

pub(super) fn too_big() -> Violation {
    refusal(
        "message-too-big",
        552,
        (5, 3, 4),
        "The message is larger than we take; EHLO says how much that is",
    )
}

pub(super) fn line_too_long() -> Violation {
    refusal("line-too-long", 500, (5, 5, 2), "The line is too long")
}

pub(super) fn auth_line_too_long() -> Violation {
    refusal(
        "auth-line-too-long",
        500,
        (5, 5, 6),
        "The line is too long for an AUTH exchange",
    )
}

pub(super) fn unknown_command() -> Violation {
    refusal("unknown-command", 500, (5, 5, 1), "That is no command we know")
}

pub(super) fn not_carried_out() -> Violation {
    refusal(
        "not-carried-out",
        502,
        (5, 5, 1),
        "That command is not carried out here",
    )
}

pub(super) fn http() -> Violation {
    fatal("http-request", 554, (5, 5, 1), "This is SMTP, not HTTP")
}

/// A command at the wrong moment (RFC 5321 §4.1.4).
pub(super) fn sequence(text: &'static str) -> Violation {
    refusal("bad-sequence", 503, (5, 5, 1), text)
}

pub(super) fn no_recipients() -> Violation {
    refusal("no-valid-recipients", 554, (5, 5, 1), "No recipient was accepted")
}

pub(super) fn too_many_recipients() -> Violation {
    refusal(
        "too-many-recipients",
        452,
        (4, 5, 3),
        "That is enough recipients for one message; send the rest in another",
    )
}

pub(super) fn too_many_messages() -> Violation {
    fatal(
        "too-many-messages",
        421,
        (4, 7, 0),
        "That is enough messages for one connection; connect again",
    )
}

pub(super) fn tls_required() -> Violation {
    refusal("tls-required", 530, (5, 7, 0), "STARTTLS comes first")
}

pub(super) fn auth_required() -> Violation {
    refusal("auth-required", 530, (5, 7, 0), "Log in first")
}

pub(super) fn auth_needs_tls() -> Violation {
    refusal(
        "auth-needs-tls",
        538,
        (5, 7, 11),
        "AUTH is for connections under TLS; that password may have been overheard",
    )
}

pub(super) fn auth_not_offered() -> Violation {
    refusal("auth-not-offered", 502, (5, 5, 1), "AUTH is not offered here")
}

pub(super) fn starttls_not_offered() -> Violation {
    refusal("starttls-not-offered", 502, (5, 5, 1), "STARTTLS is not offered here")
}

/// Octets behind STARTTLS would be read as if they had come under TLS (RFC 3207 §6, CVE-2011-0411).
pub(super) fn starttls_injection() -> Violation {
    fatal(
        "starttls-injection",
        554,
        (5, 5, 1),
        "Nothing may follow STARTTLS before the handshake",
    )
}

/// Without its size nobody knows where the chunk ends.
pub(super) fn bad_chunk() -> Violation {
    fatal(
        "bad-chunk",
        501,
        (5, 5, 4),
        "BDAT is followed by a number of octets and perhaps LAST",
    )
}

pub(super) fn chunking_not_offered() -> Violation {
    fatal("chunking-not-offered", 502, (5, 5, 1), "BDAT is not offered here")
}

pub(super) fn too_many_errors() -> Violation {
    fatal("too-many-errors", 421, (4, 7, 0), "Too many errors; goodbye")
}

pub(super) fn too_many_auth_failures() -> Violation {
    fatal(
        "too-many-auth-failures",
        421,
        (4, 7, 0),
        "Too many failed logins; goodbye",
    )
}

pub(super) fn early_talker() -> Violation {
    fatal("early-talker", 554, (5, 5, 1), "You spoke before the greeting")
}

pub(super) fn shutting_down() -> Violation {
    fatal("shutting-down", 421, (4, 3, 2), "Shutting down; come again later")
}

/// A timer that ran out; those that are no fault have no words.
pub(super) fn timeout(timer: Timer) -> Violation {
    let (reason, text) = match timer {
        Timer::BodyBlock => ("timeout-body-block", "Nothing of the message came for too long"),
        Timer::BodyTotal => ("timeout-body", "The message took too long"),
        Timer::MinimumRate => ("body-too-slow", "The message came too slowly"),
        Timer::SessionTotal => ("timeout-session", "This connection has lasted long enough"),
        Timer::Command | Timer::Banner | Timer::Handshake | Timer::ErrorDelay => {
            ("timeout-command", "No command came for too long")
        }
    };
    fatal(reason, 421, (4, 4, 2), text)
}
