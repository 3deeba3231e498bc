//! The path of MAIL and RCPT.

use mail::{ForwardPath, Mailbox, ReversePath};

use super::{Fault, Grammar, PathKind};

const REVERSE_FORM: &str = "MAIL is followed by FROM:<address>";
const FORWARD_FORM: &str = "RCPT is followed by TO:<address>";

/// `FROM:<reverse-path>`; returns the path and the parameters behind it.
pub(super) fn reverse_path<'a>(arguments: &'a str, grammar: Grammar<'_>) -> Result<(ReversePath, &'a str), Fault> {
    let (path, parameters) = split_path(arguments, "FROM", grammar).ok_or(Fault::Arguments(REVERSE_FORM))?;
    if path.text.is_empty() && path.bracketed {
        return Ok((ReversePath::Null, parameters));
    }
    let mailbox = mailbox(path.text, PathKind::Reverse)?;
    Ok((ReversePath::Mailbox(mailbox), parameters))
}

/// `TO:<forward-path>`; returns the path and the parameters behind it.
pub(super) fn forward_path<'a>(arguments: &'a str, grammar: Grammar<'_>) -> Result<(ForwardPath, &'a str), Fault> {
    let (path, parameters) = split_path(arguments, "TO", grammar).ok_or(Fault::Arguments(FORWARD_FORM))?;
    if path.text.eq_ignore_ascii_case("postmaster") {
        return Ok((ForwardPath::Postmaster, parameters));
    }
    let mailbox = mailbox(path.text, PathKind::Forward)?;
    Ok((ForwardPath::Mailbox(mailbox), parameters))
}

/// What stood between the brackets, or alone where there were none.
struct RawPath<'a> {
    text: &'a str,
    bracketed: bool,
}

fn split_path<'a>(arguments: &'a str, keyword: &str, grammar: Grammar<'_>) -> Option<(RawPath<'a>, &'a str)> {
    let blanks = |text: &'a str| {
        if grammar.lenient() {
            text.trim_start_matches(' ')
        } else {
            text
        }
    };
    let arguments = blanks(arguments);
    let (word, rest) = arguments.split_at_checked(keyword.len())?;
    if !word.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let rest = blanks(blanks(rest).strip_prefix(':')?);
    let Some(inside) = rest.strip_prefix('<') else {
        let end = rest.find(' ').unwrap_or(rest.len());
        let (text, parameters) = rest.split_at_checked(end)?;
        return (grammar.lenient() && !text.is_empty()).then_some((RawPath { text, bracketed: false }, parameters));
    };
    let end = closing_bracket(inside)?;
    let text = inside.get(..end)?;
    let parameters = inside.get(end + 1..)?;
    // A parameter glued to the path is no parameter.
    if !parameters.is_empty() && !parameters.starts_with(' ') {
        return None;
    }
    let text = if grammar.lenient() {
        text.trim_matches(' ')
    } else {
        text
    };
    Some((RawPath { text, bracketed: true }, parameters))
}

/// Where the path ends: the first `>` that is not quoted.
fn closing_bracket(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, octet) in text.bytes().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

fn mailbox(text: &str, kind: PathKind) -> Result<Mailbox, Fault> {
    if text.starts_with('@') && text.contains(':') {
        return Err(Fault::SourceRoute);
    }
    Mailbox::parse(text).map_err(|why| Fault::Path(kind, why.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{Dialect, Offer};

    fn forward(arguments: &str, dialect: Dialect) -> Result<String, Fault> {
        let offer = Offer::default();
        forward_path(
            arguments,
            Grammar {
                dialect,
                offer: &offer,
                smtputf8: false,
            },
        )
        .map(|(path, parameters)| format!("{path}|{parameters}"))
    }

    #[test]
    fn the_strict_form_is_read_in_both_dialects() {
        for dialect in [Dialect::Strict, Dialect::Lenient] {
            assert_eq!(
                forward("TO:<a@b.c> NOTIFY=NEVER", dialect).unwrap(),
                "<a@b.c>| NOTIFY=NEVER"
            );
            assert_eq!(forward("to:<\"a> b\"@c.d>", dialect).unwrap(), "<\"a> b\"@c.d>|");
            assert_eq!(forward("TO:<Postmaster>", dialect).unwrap(), "<postmaster>|");
        }
    }

    #[test]
    fn the_forms_of_devices_are_read_in_the_lenient_dialect_only() {
        for form in [
            "TO: <a@b.c>",
            "TO:  <a@b.c>",
            " TO:<a@b.c>",
            "TO :<a@b.c>",
            "TO:a@b.c",
            "TO: a@b.c",
            "TO:< a@b.c >",
        ] {
            assert_eq!(forward(form, Dialect::Lenient).unwrap(), "<a@b.c>|", "{form}");
            assert!(forward(form, Dialect::Strict).is_err(), "{form}");
        }
    }

    #[test]
    fn what_fools_relays_is_refused_in_both() {
        for dialect in [Dialect::Strict, Dialect::Lenient] {
            assert_eq!(forward("TO:<@local.example:a@b.c>", dialect), Err(Fault::SourceRoute));
            assert_eq!(forward("TO:<@a,@b:c@d.e>", dialect), Err(Fault::SourceRoute));
            for form in [
                "TO:<>",
                "TO:<a@b@c.d>",
                "TO:<a@b.c>SIZE=1",
                "TO:<a@b.c",
                "TO:",
                "",
                "FROM:<a@b.c>",
                "TO:\"A\" <a@b.c>",
            ] {
                assert!(forward(form, dialect).is_err(), "{form}");
            }
        }
    }
}
