//! The dialogues, one for each family of mechanisms.

mod bearer;
mod plain;
mod scram;

use std::sync::Arc;

use mail::Mechanism;
use policy::{AuthContext, AuthExchange};

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

/// A login as a client may write it.
fn readable(field: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(field).ok()?;
    let fits = !text.is_empty() && text.len() <= FIELD_OCTETS_MAX && !text.contains(char::is_control);
    fits.then(|| text.to_owned())
}
