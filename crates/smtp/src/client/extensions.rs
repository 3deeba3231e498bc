//! What a peer offers in its answer to EHLO.

use super::reply::Lines;

/// The offers of a peer. Forgotten and learned again when TLS begins (RFC 3207 §4.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// The peer answered EHLO; after HELO nothing is offered.
    pub esmtp: bool,
    /// SIZE (RFC 1870).
    pub size: bool,
    /// The most octets a message may have, where SIZE names a limit.
    pub size_max: Option<u64>,
    /// PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// 8BITMIME (RFC 6152).
    pub eight_bit_mime: bool,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// DSN (RFC 3461).
    pub dsn: bool,
    /// CHUNKING (RFC 3030).
    pub chunking: bool,
    /// STARTTLS (RFC 3207).
    pub starttls: bool,
    /// ENHANCEDSTATUSCODES (RFC 2034).
    pub enhanced_status_codes: bool,
    /// AUTH PLAIN (RFC 4954, RFC 4616).
    pub auth_plain: bool,
    /// AUTH LOGIN.
    pub auth_login: bool,
    /// Recipients in one transaction at most (RFC 9422); the caller splits.
    pub rcpt_max: Option<usize>,
    /// Transactions on one connection at most (RFC 9422).
    pub mail_max: Option<usize>,
}

impl Extensions {
    /// Reads the lines of a 250 to EHLO; the first names the peer and offers nothing. Unknown keywords are passed over.
    pub(super) fn read(lines: &Lines) -> Self {
        let mut offers = Self {
            esmtp: true,
            ..Self::default()
        };
        for line in lines.texts().skip(1) {
            let mut words = line.split_ascii_whitespace();
            if let Some(keyword) = words.next() {
                offers.learn(keyword, words);
            }
        }
        offers
    }

    fn learn<'a>(&mut self, keyword: &str, mut words: impl Iterator<Item = &'a str>) {
        match keyword.to_ascii_uppercase().as_str() {
            "SIZE" => {
                self.size = true;
                // 0 means: no fixed limit (RFC 1870 §4).
                self.size_max = words
                    .next()
                    .and_then(|octets| octets.parse().ok())
                    .filter(|octets| *octets > 0);
            }
            "PIPELINING" => self.pipelining = true,
            "8BITMIME" => self.eight_bit_mime = true,
            "SMTPUTF8" => self.smtputf8 = true,
            "DSN" => self.dsn = true,
            "CHUNKING" => self.chunking = true,
            "STARTTLS" => self.starttls = true,
            "ENHANCEDSTATUSCODES" => self.enhanced_status_codes = true,
            "AUTH" => words.for_each(|name| self.learn_mechanism(name)),
            "LIMITS" => words.for_each(|limit| self.learn_limit(limit)),
            // An old form still in the field: `AUTH=LOGIN PLAIN`.
            other => {
                if let Some(first) = other.strip_prefix("AUTH=") {
                    self.learn_mechanism(first);
                    words.for_each(|name| self.learn_mechanism(name));
                }
            }
        }
    }

    fn learn_mechanism(&mut self, name: &str) {
        self.auth_plain |= name.eq_ignore_ascii_case("PLAIN");
        self.auth_login |= name.eq_ignore_ascii_case("LOGIN");
    }

    fn learn_limit(&mut self, limit: &str) {
        let Some((name, value)) = limit.split_once('=') else {
            return;
        };
        let value = value.parse().ok().filter(|value| *value > 0);
        match name.to_ascii_uppercase().as_str() {
            "RCPTMAX" => self.rcpt_max = value,
            "MAILMAX" => self.mail_max = value,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Extensions {
        Extensions::read(&Lines::of(250, lines))
    }

    #[test]
    fn keywords_are_known_in_any_case_and_the_first_line_is_a_name() {
        let offers = read(&[
            "pipelining",
            "Size 1000",
            "8bitmime",
            "auth plain xoauth2",
            "LIMITS RCPTMAX=50 MAILMAX=5",
        ]);
        assert!(!offers.pipelining && offers.size && offers.eight_bit_mime && offers.auth_plain && !offers.auth_login);
        assert_eq!(
            (offers.size_max, offers.rcpt_max, offers.mail_max),
            (Some(1000), Some(50), Some(5))
        );
    }

    #[test]
    fn a_size_of_zero_or_nonsense_is_no_limit() {
        assert_eq!(read(&["x", "SIZE 0"]).size_max, None);
        assert_eq!(read(&["x", "SIZE"]).size_max, None);
        assert_eq!(read(&["x", "SIZE 99999999999999999999999"]).size_max, None);
    }

    #[test]
    fn the_old_form_of_auth_is_understood() {
        let offers = read(&["x", "AUTH=LOGIN PLAIN"]);
        assert!(offers.auth_plain && offers.auth_login);
    }
}
