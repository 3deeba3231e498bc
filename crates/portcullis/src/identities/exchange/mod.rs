//! The dialogues, one for each family of mechanisms.

mod bearer;
mod plain;
mod scram;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mail::Mechanism;
use policy::{AuthContext, AuthExchange, BoxFuture};

use super::Inner;

/// Octets of a login or a secret at most; RFC 4616 §2 has servers take at least 255 characters of each.
const FIELD_OCTETS_MAX: usize = 1024;

pub(super) fn begin(inner: Arc<Inner>, mechanism: Mechanism, context: AuthContext) -> Box<dyn AuthExchange> {
    match mechanism {
        Mechanism::Plain => plain::plain(inner, context.client),
        Mechanism::Login => plain::login(inner, context.client),
        Mechanism::OAuthBearer => bearer::begin(inner, bearer::Form::OAuthBearer, context.client),
        Mechanism::XOAuth2 => bearer::begin(inner, bearer::Form::XOAuth2, context.client),
        Mechanism::ScramSha256 | Mechanism::ScramSha256Plus => scram::begin(inner, mechanism, context),
    }
}

/// Whom an exchange is with, and whom it claims to be.
struct Client {
    address: IpAddr,
    claimed: Option<String>,
    /// Whether that is kept from the record: it is the secret as well.
    hidden: bool,
    /// When it came to prove that.
    since: Duration,
}

impl Client {
    const fn at(address: IpAddr) -> Self {
        Self {
            address,
            claimed: None,
            hidden: false,
            since: Duration::ZERO,
        }
    }

    /// Notes the login that is about to be proved.
    fn claims(&mut self, login: &str, now: Duration) {
        self.claimed = Some(login.to_ascii_lowercase());
        self.since = now;
    }

    /// For the record.
    fn claimed(&self) -> Option<&str> {
        self.claimed.as_deref().filter(|_| !self.hidden)
    }

    /// What it proved leads to no grant.
    fn turned_down<'a>(&'a self, inner: &'a Inner) -> BoxFuture<'a, ()> {
        let login = self.claimed.as_deref().unwrap_or_default();
        Box::pin(inner.fail(login, self.address, self.since))
    }
}

/// A login as a client may write it.
fn readable(field: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(field).ok()?;
    let fits = !text.is_empty() && text.len() <= FIELD_OCTETS_MAX && !text.contains(char::is_control);
    fits.then(|| text.to_owned())
}
