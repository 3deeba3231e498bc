//! The reply to EHLO: what is offered, at this moment, to this client.

use mail::{Mechanism, Reply};

use super::{AuthOffer, Dialect, ServerConfig, Session};

/// 250 with one keyword a line (RFC 5321 §4.1.1.1).
pub(super) fn ehlo_reply(config: &ServerConfig, session: &Session) -> Reply {
    let offer = &config.offer;
    let mut lines = vec![config.hostname.to_string()];
    let mut offered = |keyword: &str, when: bool| {
        if when {
            lines.push(keyword.to_owned());
        }
    };
    offered("PIPELINING", offer.pipelining);
    offered(&format!("SIZE {}", offer.size_max), true);
    offered("STARTTLS", session.may_start_tls(config));
    let mechanisms = mechanisms(config, session);
    offered(&format!("AUTH {mechanisms}"), !mechanisms.is_empty());
    // Outlook Express and its contemporaries look for the notation of a draft.
    offered(
        &format!("AUTH={mechanisms}"),
        !mechanisms.is_empty() && config.dialect == Dialect::Lenient,
    );
    offered("ENHANCEDSTATUSCODES", true);
    offered("8BITMIME", offer.eightbitmime);
    offered("SMTPUTF8", offer.smtputf8 && offer.eightbitmime);
    offered("DSN", offer.dsn);
    offered("CHUNKING", offer.chunking);
    offered(&limits(config), offer.limits);
    Reply::plain(250, lines.join("\n"))
}

/// The mechanisms this client may use now, the strongest first, parted by blanks.
fn mechanisms(config: &ServerConfig, session: &Session) -> String {
    match &config.offer.auth {
        AuthOffer::UnderTls(_) if session.secure && !session.authenticated => session
            .mechanisms
            .iter()
            .map(Mechanism::name)
            .collect::<Vec<_>>()
            .join(" "),
        _ => String::new(),
    }
}

/// `LIMITS RCPTMAX=100 MAILMAX=10` (RFC 9422 §4).
fn limits(config: &ServerConfig) -> String {
    let recipients = format!("LIMITS RCPTMAX={}", config.limits.recipients);
    match config.limits.messages {
        Some(messages) => format!("{recipients} MAILMAX={messages}"),
        None => recipients,
    }
}
