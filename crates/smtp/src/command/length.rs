//! How long a command line may be.
//!
//! RFC 5321 §4.5.3.1.4 gives a command line 512 octets with its CRLF; an extension that adds parameters says how many
//! octets it adds. This is the one table of them:
//!
//! | extension offered | MAIL | RCPT | VRFY | AUTH and its responses | said by |
//! |---|---|---|---|---|---|
//! | SIZE | 26 | | | | RFC 1870 §3 |
//! | 8BITMIME | 17 | | | | RFC 6152 §2 |
//! | SMTPUTF8 | 10 | | 10 | | RFC 6531 §3.1 |
//! | DSN | 107 | 500 | | | RFC 3461 §3 |
//! | AUTH | 500 | | | 12,288 in all | RFC 4954 §3, §4 |

use super::Verb;
use crate::server::{AuthOffer, Offer};

/// A command line without extensions.
const BASE: usize = 512;
/// A line of an AUTH exchange.
pub(crate) const AUTH_LINE_OCTETS_MAX: usize = 12_288;

/// Octets of a line with this verb at most, CRLF included.
pub(crate) fn octets_max(verb: Verb, offer: &Offer) -> usize {
    let auth = offer.auth != AuthOffer::Never;
    let added = |offered: bool, octets: usize| if offered { octets } else { 0 };
    match verb {
        Verb::Mail => {
            BASE + 26
                + added(offer.eightbitmime, 17)
                + added(offer.smtputf8, 10)
                + added(offer.dsn, 107)
                + added(auth, 500)
        }
        Verb::Rcpt => BASE + added(offer.dsn, 500),
        Verb::Vrfy => BASE + added(offer.smtputf8, 10),
        Verb::Auth if auth => AUTH_LINE_OCTETS_MAX,
        _ => BASE,
    }
}

/// The longest line any command may have: as much is read before the verb is looked at.
pub(crate) fn longest_line(offer: &Offer) -> usize {
    [Verb::Mail, Verb::Rcpt, Verb::Auth]
        .into_iter()
        .map(|verb| octets_max(verb, offer))
        .max()
        .unwrap_or(BASE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_lengthens_lines_only_where_it_is_offered() {
        let everything = Offer {
            auth: AuthOffer::UnderTls(mail::Mechanisms::NONE),
            ..Offer::default()
        };
        assert_eq!(octets_max(Verb::Mail, &everything), 512 + 26 + 17 + 10 + 107 + 500);
        assert_eq!(octets_max(Verb::Rcpt, &everything), 1012);
        assert_eq!(longest_line(&everything), 12_288);
        let little = Offer {
            dsn: false,
            smtputf8: false,
            eightbitmime: false,
            ..Offer::default()
        };
        assert_eq!(octets_max(Verb::Mail, &little), 538);
        assert_eq!(octets_max(Verb::Auth, &little), 512);
        assert_eq!(longest_line(&little), 538);
    }
}
