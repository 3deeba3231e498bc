//! What a client is told before it speaks.

use std::fmt;
use std::time::Duration;

use mail::Host;
use zeroize::Zeroizing;

use super::ClientTimer;

/// Octets of a user name or a password at most; RFC 4616 §2 lets a server refuse more than 255 characters of either.
const LOGIN_OCTETS_MAX: usize = 1024;

/// How a client behaves towards one next hop.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// What EHLO says: our name, or our address literal.
    pub hello: Host,
    /// Whether the dialogue must be, may be or is not to be encrypted by STARTTLS.
    pub tls: TlsDemand,
    /// Who we are to the peer, where it wants to know.
    pub login: Option<Login>,
    /// Whether the login may be said without TLS. Only for a peer on a trusted wire that cannot do better.
    pub allow_clear_login: bool,
    /// Whether BDAT replaces DATA where the peer offers CHUNKING and PIPELINING.
    pub chunking: bool,
    /// How long the peer may take.
    pub timeouts: ClientTimeouts,
}

impl ClientConfig {
    /// Opportunistic TLS, no login, the timeouts of RFC 5321.
    #[must_use]
    pub fn new(hello: Host) -> Self {
        Self {
            hello,
            tls: TlsDemand::Opportunistic,
            login: None,
            allow_clear_login: false,
            chunking: true,
            timeouts: ClientTimeouts::default(),
        }
    }
}

/// What is asked of STARTTLS (RFC 3207). With implicit TLS it is met already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsDemand {
    /// STARTTLS is not used; the second try after a handshake that failed under `Opportunistic`.
    Never,
    /// Used where offered; without it, or where the peer refuses it, mail goes in the clear.
    Opportunistic,
    /// No MAIL without it.
    Required,
}

/// A user name and a password. The password is wiped from memory when dropped and is never shown.
#[derive(Clone)]
pub struct Login {
    user: Box<str>,
    password: Zeroizing<String>,
}

/// A login that no mechanism can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginError;

impl fmt::Display for LoginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "user name and password have 1 to {LOGIN_OCTETS_MAX} octets and no NUL"
        )
    }
}

impl std::error::Error for LoginError {}

impl Login {
    /// A login. NUL parts the fields of PLAIN (RFC 4616 §2), so neither field may hold it.
    pub fn new(user: &str, password: &str) -> Result<Self, LoginError> {
        let fits = |text: &str| !text.is_empty() && text.len() <= LOGIN_OCTETS_MAX && !text.contains('\0');
        if !fits(user) || !fits(password) {
            return Err(LoginError);
        }
        Ok(Self {
            user: user.into(),
            password: Zeroizing::new(password.to_owned()),
        })
    }

    /// The user name.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    pub(super) fn password(&self) -> &str {
        &self.password
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({:?})", self.user)
    }
}

/// How long the peer may take for each answer. The defaults are the least a client should grant (RFC 5321 §4.5.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientTimeouts {
    /// From the connection to the end of the greeting: 5 minutes (§4.5.3.2.1).
    pub greeting: Duration,
    /// EHLO or HELO: 5 minutes, as for MAIL; the RFC names none.
    pub hello: Duration,
    /// STARTTLS: 2 minutes.
    pub starttls: Duration,
    /// From the 220 of STARTTLS to the end of the handshake: 1 minute.
    pub handshake: Duration,
    /// Each step of AUTH: 2 minutes.
    pub auth: Duration,
    /// MAIL: 5 minutes (§4.5.3.2.2).
    pub mail: Duration,
    /// Each RCPT: 5 minutes (§4.5.3.2.3).
    pub rcpt: Duration,
    /// DATA, until the 354: 2 minutes (§4.5.3.2.4).
    pub data: Duration,
    /// While the body is written, without the peer taking anything: 3 minutes (§4.5.3.2.5).
    pub block: Duration,
    /// From the end of the body to the answer: 10 minutes (§4.5.3.2.6). Shorter means duplicates.
    pub end: Duration,
    /// RSET: 1 minute.
    pub reset: Duration,
    /// QUIT: 10 seconds; nothing is lost by not waiting.
    pub quit: Duration,
}

impl Default for ClientTimeouts {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        Self {
            greeting: Duration::from_secs(5 * MINUTE),
            hello: Duration::from_secs(5 * MINUTE),
            starttls: Duration::from_secs(2 * MINUTE),
            handshake: Duration::from_secs(MINUTE),
            auth: Duration::from_secs(2 * MINUTE),
            mail: Duration::from_secs(5 * MINUTE),
            rcpt: Duration::from_secs(5 * MINUTE),
            data: Duration::from_secs(2 * MINUTE),
            block: Duration::from_secs(3 * MINUTE),
            end: Duration::from_secs(10 * MINUTE),
            reset: Duration::from_secs(MINUTE),
            quit: Duration::from_secs(10),
        }
    }
}

impl ClientTimeouts {
    pub(super) fn of(&self, timer: ClientTimer) -> Duration {
        match timer {
            ClientTimer::Greeting => self.greeting,
            ClientTimer::Hello => self.hello,
            ClientTimer::StartTls => self.starttls,
            ClientTimer::Handshake => self.handshake,
            ClientTimer::Auth => self.auth,
            ClientTimer::Mail => self.mail,
            ClientTimer::Rcpt => self.rcpt,
            ClientTimer::Data => self.data,
            ClientTimer::Block => self.block,
            ClientTimer::End => self.end,
            ClientTimer::Reset => self.reset,
            ClientTimer::Quit => self.quit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let login = Login::new("erp", "hunter2").unwrap();
        assert_eq!(format!("{login:?}"), "Login(\"erp\")");
        assert_eq!(Login::new("a\0b", "c").unwrap_err(), LoginError);
        assert_eq!(Login::new("a", "").unwrap_err(), LoginError);
    }
}
