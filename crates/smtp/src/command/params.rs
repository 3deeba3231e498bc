//! MAIL and RCPT with their parameters.

use mail::{BodyType, DsnReturn, ForwardPath, MailParams, Notify, RcptParams, ReversePath};

use super::path::{forward_path, reverse_path};
use super::{Fault, Grammar, PathKind, decimal, shown, xtext};
use crate::server::AuthOffer;

/// Octets of ENVID, decoded (RFC 3461 §4.4).
const ENVID_OCTETS_MAX: usize = 100;
/// Octets of ORCPT, encoded (RFC 3461 §4.2).
const ORCPT_OCTETS_MAX: usize = 500;

/// `MAIL FROM:<path> [parameters]` (RFC 5321 §4.1.1.2).
pub(crate) fn mail_arguments(arguments: &str, grammar: Grammar<'_>) -> Result<(ReversePath, MailParams), Fault> {
    let (path, parameters) = reverse_path(arguments, grammar)?;
    let mut params = MailParams::default();
    let mut seen = Seen::default();
    for parameter in words(parameters, grammar)? {
        let (keyword, value) = split_parameter(parameter);
        seen.note(keyword)?;
        mail_parameter(&mut params, keyword, value, grammar)?;
    }
    let path_is_ascii = arguments.strip_suffix(parameters).unwrap_or(arguments).is_ascii();
    if !params.smtputf8 && !path_is_ascii {
        return Err(Fault::NeedsSmtputf8(PathKind::Reverse));
    }
    Ok((path, params))
}

/// `RCPT TO:<path> [parameters]` (RFC 5321 §4.1.1.3).
pub(crate) fn rcpt_arguments(arguments: &str, grammar: Grammar<'_>) -> Result<(ForwardPath, RcptParams), Fault> {
    let (path, parameters) = forward_path(arguments, grammar)?;
    if !grammar.smtputf8 && !arguments.is_ascii() {
        return Err(Fault::NeedsSmtputf8(PathKind::Forward));
    }
    let mut params = RcptParams::default();
    let mut seen = Seen::default();
    for parameter in words(parameters, grammar)? {
        let (keyword, value) = split_parameter(parameter);
        seen.note(keyword)?;
        rcpt_parameter(&mut params, keyword, value, grammar)?;
    }
    Ok((path, params))
}

fn mail_parameter(
    params: &mut MailParams,
    keyword: &str,
    value: Option<&str>,
    grammar: Grammar<'_>,
) -> Result<(), Fault> {
    let offer = grammar.offer;
    match keyword.to_ascii_uppercase().as_str() {
        "SIZE" => params.size = Some(size(value, offer.size_max)?),
        "BODY" if offer.eightbitmime => params.body = body(value)?,
        "SMTPUTF8" if offer.smtputf8 && offer.eightbitmime => {
            if value.is_some() {
                return Err(Fault::BadParameter("SMTPUTF8 takes no value"));
            }
            params.smtputf8 = true;
        }
        "RET" if offer.dsn => params.ret = Some(ret(value)?),
        "ENVID" if offer.dsn => params.envid = Some(envid(value)?),
        "AUTH" if offer.auth != AuthOffer::Never => submitter(value)?,
        _ => return Err(Fault::UnknownParameter(shown(keyword))),
    }
    Ok(())
}

fn rcpt_parameter(
    params: &mut RcptParams,
    keyword: &str,
    value: Option<&str>,
    grammar: Grammar<'_>,
) -> Result<(), Fault> {
    match keyword.to_ascii_uppercase().as_str() {
        "NOTIFY" if grammar.offer.dsn => params.notify = Some(notify(value)?),
        "ORCPT" if grammar.offer.dsn => params.orcpt = Some(orcpt(value, grammar.smtputf8)?),
        _ => return Err(Fault::UnknownParameter(shown(keyword))),
    }
    Ok(())
}

/// Parameters are parted by one blank; by several in the lenient dialect.
fn words<'a>(parameters: &'a str, grammar: Grammar<'_>) -> Result<impl Iterator<Item = &'a str>, Fault> {
    let parameters = parameters.strip_prefix(' ').unwrap_or(parameters);
    if !grammar.lenient() && (parameters.starts_with(' ') || parameters.contains("  ")) {
        return Err(Fault::Arguments("parameters are parted by a single space"));
    }
    Ok(parameters.split(' ').filter(|word| !word.is_empty()))
}

fn split_parameter(parameter: &str) -> (&str, Option<&str>) {
    parameter
        .split_once('=')
        .map_or((parameter, None), |(keyword, value)| (keyword, Some(value)))
}

/// Keywords given so far; none may come twice.
#[derive(Default)]
struct Seen(Vec<String>);

impl Seen {
    fn note(&mut self, keyword: &str) -> Result<(), Fault> {
        if self.0.iter().any(|seen| seen.eq_ignore_ascii_case(keyword)) {
            return Err(Fault::BadParameter("a parameter is given twice"));
        }
        self.0.push(keyword.to_owned());
        Ok(())
    }
}

/// `size-value = 1*20DIGIT` (RFC 1870 §3). What does not fit in a number is above any limit, never wrapped around.
fn size(value: Option<&str>, size_max: u64) -> Result<u64, Fault> {
    const FORM: Fault = Fault::BadParameter("SIZE is a number of octets");
    let text = value.ok_or(FORM)?;
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(FORM);
    }
    decimal(text).filter(|size| *size <= size_max).ok_or(Fault::TooBig)
}

fn body(value: Option<&str>) -> Result<BodyType, Fault> {
    match value.map(str::to_ascii_uppercase).as_deref() {
        Some("7BIT") => Ok(BodyType::SevenBit),
        Some("8BITMIME") => Ok(BodyType::EightBitMime),
        Some("BINARYMIME") => Err(Fault::BadParameter("BODY=BINARYMIME is not offered")),
        _ => Err(Fault::BadParameter("BODY is 7BIT or 8BITMIME")),
    }
}

fn ret(value: Option<&str>) -> Result<DsnReturn, Fault> {
    match value.map(str::to_ascii_uppercase).as_deref() {
        Some("FULL") => Ok(DsnReturn::Full),
        Some("HDRS") => Ok(DsnReturn::Headers),
        _ => Err(Fault::BadParameter("RET is FULL or HDRS")),
    }
}

fn envid(value: Option<&str>) -> Result<Box<str>, Fault> {
    value
        .and_then(xtext::decode)
        .filter(|id| (1..=ENVID_OCTETS_MAX).contains(&id.len()))
        .map(String::into_boxed_str)
        .ok_or(Fault::BadParameter("ENVID is xtext of at most 100 characters"))
}

/// `AUTH=<>` or a mailbox in xtext (RFC 4954 §5): read for its form and believed by nobody.
fn submitter(value: Option<&str>) -> Result<(), Fault> {
    const FORM: Fault = Fault::BadParameter("AUTH is <> or a mailbox in xtext");
    let value = value.ok_or(FORM)?;
    let fits = value == "<>" || xtext::decode(value).is_some_and(|text| !text.is_empty());
    if fits { Ok(()) } else { Err(FORM) }
}

/// `NOTIFY=NEVER` or a list of SUCCESS, FAILURE, DELAY (RFC 3461 §4.1).
fn notify(value: Option<&str>) -> Result<Notify, Fault> {
    const FORM: Fault = Fault::BadParameter("NOTIFY is NEVER, or some of SUCCESS,FAILURE,DELAY");
    let value = value.ok_or(FORM)?.to_ascii_uppercase();
    if value == "NEVER" {
        return Ok(Notify::Never);
    }
    let (mut success, mut failure, mut delay) = (false, false, false);
    for word in value.split(',') {
        let flag = match word {
            "SUCCESS" => &mut success,
            "FAILURE" => &mut failure,
            "DELAY" => &mut delay,
            _ => return Err(FORM),
        };
        *flag = true;
    }
    Ok(Notify::On {
        success,
        failure,
        delay,
    })
}

/// `ORCPT=addr-type;address` (RFC 3461 §4.2; type `utf-8`: RFC 6533 §3).
fn orcpt(value: Option<&str>, smtputf8: bool) -> Result<Box<str>, Fault> {
    const FORM: Fault = Fault::BadParameter("ORCPT is rfc822; or utf-8; and an address in xtext");
    let value = value.filter(|value| value.len() <= ORCPT_OCTETS_MAX).ok_or(FORM)?;
    let (kind, address) = value.split_once(';').ok_or(FORM)?;
    let kind_fits = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let decoded = if kind.eq_ignore_ascii_case("utf-8") {
        xtext::decode_utf8_address(address, smtputf8)
    } else {
        xtext::decode(address)
    };
    let decoded = decoded.filter(|address| kind_fits && !address.is_empty()).ok_or(FORM)?;
    Ok(format!("{kind};{decoded}").into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{Dialect, Offer};

    fn mail(arguments: &str) -> Result<MailParams, Fault> {
        let offer = Offer {
            size_max: 1000,
            ..Offer::default()
        };
        mail_arguments(
            arguments,
            Grammar {
                dialect: Dialect::Strict,
                offer: &offer,
                smtputf8: false,
            },
        )
        .map(|(_, params)| params)
    }

    fn rcpt(arguments: &str) -> Result<RcptParams, Fault> {
        let offer = Offer::default();
        rcpt_arguments(
            arguments,
            Grammar {
                dialect: Dialect::Strict,
                offer: &offer,
                smtputf8: false,
            },
        )
        .map(|(_, params)| params)
    }

    #[test]
    fn size_is_digits_within_the_limit_and_never_wraps() {
        assert_eq!(mail("FROM:<a@b.c> SIZE=1000").unwrap().size, Some(1000));
        assert_eq!(mail("FROM:<a@b.c> SIZE=0").unwrap().size, Some(0));
        for big in [
            "1001",
            "18446744073709551615",
            "18446744073709551616",
            "99999999999999999999999",
        ] {
            assert_eq!(mail(&format!("FROM:<a@b.c> SIZE={big}")), Err(Fault::TooBig), "{big}");
        }
        for bad in ["", "-1", "+5", "abc", "1e3", "0x10", "1_000"] {
            assert!(
                matches!(mail(&format!("FROM:<a@b.c> SIZE={bad}")), Err(Fault::BadParameter(_))),
                "{bad}"
            );
        }
        assert!(matches!(mail("FROM:<a@b.c> SIZE"), Err(Fault::BadParameter(_))));
        assert!(matches!(
            mail("FROM:<a@b.c> SIZE=10 size=20"),
            Err(Fault::BadParameter(_))
        ));
    }

    #[test]
    fn parameters_of_mail_are_read_whatever_their_case() {
        let params = mail("FROM:<> body=8bitmime RET=hdrs ENVID=QQ+2B1 smtputf8").unwrap();
        assert_eq!(params.body, BodyType::EightBitMime);
        assert_eq!(params.ret, Some(DsnReturn::Headers));
        assert_eq!(params.envid.as_deref(), Some("QQ+1"));
        assert!(params.smtputf8);
        assert!(matches!(mail("FROM:<> BODY=BINARYMIME"), Err(Fault::BadParameter(_))));
        assert!(matches!(mail("FROM:<> SMTPUTF8=yes"), Err(Fault::BadParameter(_))));
        assert_eq!(mail("FROM:<> FOO=bar"), Err(Fault::UnknownParameter("FOO".into())));
        assert_eq!(mail("FROM:<> AUTH=<>"), Err(Fault::UnknownParameter("AUTH".into())));
        assert_eq!(
            mail("FROM:<> REQUIRETLS"),
            Err(Fault::UnknownParameter("REQUIRETLS".into()))
        );
        assert!(mail(&format!("FROM:<> ENVID={}", "x".repeat(101))).is_err());
    }

    #[test]
    fn addresses_beyond_ascii_need_smtputf8() {
        assert_eq!(mail("FROM:<\u{fc}@b.c>"), Err(Fault::NeedsSmtputf8(PathKind::Reverse)));
        assert_eq!(mail("FROM:<a@\u{fc}.c>"), Err(Fault::NeedsSmtputf8(PathKind::Reverse)));
        assert!(mail("FROM:<\u{fc}@\u{fc}.c> SMTPUTF8").is_ok());
        assert_eq!(rcpt("TO:<\u{fc}@b.c>"), Err(Fault::NeedsSmtputf8(PathKind::Forward)));
    }

    #[test]
    fn parameters_of_rcpt_are_those_of_dsn() {
        let params = rcpt("TO:<a@b.c> NOTIFY=success,DELAY ORCPT=rfc822;x+2By@d.e").unwrap();
        assert_eq!(
            params.notify,
            Some(Notify::On {
                success: true,
                failure: false,
                delay: true
            })
        );
        assert_eq!(params.orcpt.as_deref(), Some("rfc822;x+y@d.e"));
        assert_eq!(rcpt("TO:<a@b.c> NOTIFY=NEVER").unwrap().notify, Some(Notify::Never));
        for bad in [
            "NOTIFY=",
            "NOTIFY=NEVER,DELAY",
            "NOTIFY=LATER",
            "NOTIFY",
            "ORCPT=a@b.c",
            "ORCPT=;a",
            "ORCPT=rfc822;",
        ] {
            assert!(
                matches!(rcpt(&format!("TO:<a@b.c> {bad}")), Err(Fault::BadParameter(_))),
                "{bad}"
            );
        }
        assert!(matches!(rcpt("TO:<a@b.c> SIZE=1"), Err(Fault::UnknownParameter(_))));
    }
}
