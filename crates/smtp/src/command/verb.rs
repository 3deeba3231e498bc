//! The first word of a command line.

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Helo,
    Ehlo,
    Mail,
    Rcpt,
    Data,
    Bdat,
    Auth,
    StartTls,
    Rset,
    Noop,
    Vrfy,
    Help,
    Quit,
    /// Commands of RFCs that we know and do not carry out.
    NotCarriedOut,
    /// The first word of an HTTP request: a browser or proxy was made to speak to us.
    Http,
    /// No command at all; an empty line too.
    Unknown,
}

/// Splits a line into its verb and what stands behind the blank.
pub(crate) fn split_verb(line: &str) -> (Verb, &str) {
    let (word, arguments) = line.split_once(' ').unwrap_or((line, ""));
    (verb(word), arguments)
}

fn verb(word: &str) -> Verb {
    const VERBS: [(&str, Verb); 30] = [
        ("HELO", Verb::Helo),
        ("EHLO", Verb::Ehlo),
        ("MAIL", Verb::Mail),
        ("RCPT", Verb::Rcpt),
        ("DATA", Verb::Data),
        ("BDAT", Verb::Bdat),
        ("AUTH", Verb::Auth),
        ("STARTTLS", Verb::StartTls),
        ("RSET", Verb::Rset),
        ("NOOP", Verb::Noop),
        ("VRFY", Verb::Vrfy),
        ("HELP", Verb::Help),
        ("QUIT", Verb::Quit),
        ("EXPN", Verb::NotCarriedOut),
        ("ETRN", Verb::NotCarriedOut),
        ("ATRN", Verb::NotCarriedOut),
        ("TURN", Verb::NotCarriedOut),
        ("SEND", Verb::NotCarriedOut),
        ("SOML", Verb::NotCarriedOut),
        ("SAML", Verb::NotCarriedOut),
        ("BURL", Verb::NotCarriedOut),
        ("GET", Verb::Http),
        ("POST", Verb::Http),
        ("PUT", Verb::Http),
        ("HEAD", Verb::Http),
        ("DELETE", Verb::Http),
        ("OPTIONS", Verb::Http),
        ("CONNECT", Verb::Http),
        ("PATCH", Verb::Http),
        ("PRI", Verb::Http),
    ];
    VERBS
        .iter()
        .find(|(name, _)| word.eq_ignore_ascii_case(name))
        .map_or(Verb::Unknown, |(_, verb)| *verb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_is_read_whatever_its_case() {
        assert_eq!(split_verb("mAiL FROM:<>"), (Verb::Mail, "FROM:<>"));
        assert_eq!(split_verb("quit"), (Verb::Quit, ""));
        assert_eq!(split_verb(""), (Verb::Unknown, ""));
        assert_eq!(split_verb("MAILFROM:<>"), (Verb::Unknown, ""));
        assert_eq!(split_verb("CONNECT a:25 HTTP/1.1").0, Verb::Http);
    }
}
