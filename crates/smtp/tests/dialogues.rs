//! Golden dialogues: each file of `tests/dialogues` is played and compared.
//!
//! ```text
//! # A comment; the head of a file says which rule it shows.
//! dialect: lenient          strict where nothing is said
//! transport: tls            clear where nothing is said
//! offer: starttls auth -dsn what is offered beyond, or instead of, the usual
//! usable: PLAIN LOGIN       of the mechanisms offered, those the handler says are of use to this client
//! require: tls auth
//! tolerate: bare-lf long-lines no-starttls
//! limit: recipients=2 size=1000
//! ---
//! C: EHLO x                 the client sends a line
//! C raw: a\r\n.\r\n         the client sends these octets; \r \n \0 \\ \xHH stand for what they do elsewhere
//! S: 250 2.1.0              the next line said begins so; with [code] at its end, the line ends so
//! S has: 250 SIZE 1000|!DSN the next reply has this code, these lines and not those behind a !
//! Q: Sender                 the next question or event begins so; what came before it is passed over
//! A: Recipient 550 5.1.1 no the next Recipient is answered so
//! body: x\r\n               the last message was this
//! tls / eof / shutdown      the handshake is done / the client closes / we close
//! pass: 300                 so many seconds go by
//! closed: Quit              the connection is closed, for this reason
//! ```
//! Everything said must be expected, and a file that does not say `closed` ends with an open connection.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod rig;

use std::fs;
use std::path::Path;
use std::time::Duration;

use mail::{EnhancedCode, Mechanism, Reply};
use rig::{Rig, Setting};
use smtp::server::{Answer, AuthOffer, Dialect, Transport};

#[test]
fn every_dialogue_goes_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut failures = Vec::new();
    for file in &files {
        assert_eq!(file.extension().unwrap(), "smtp", "{} is no dialogue", file.display());
        let text = fs::read_to_string(file).unwrap();
        if let Err(why) = play(&text) {
            failures.push(format!("{}: {why}", file.file_name().unwrap().to_string_lossy()));
        }
    }
    assert!(files.len() >= 20, "only {} dialogues were found", files.len());
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

fn play(text: &str) -> Result<(), String> {
    let (head, lines) = text.split_once("\n---\n").ok_or("no --- between head and dialogue")?;
    let mut rig = Rig::new(setting(head)?);
    rig.pump();
    let mut questions_read = 0;
    let mut said = String::new();
    let mut closed_expected = false;
    for (number, line) in lines.lines().enumerate() {
        let at = head.lines().count() + number + 2;
        let log = format!(
            "{:?}",
            rig.log.get(rig.log.len().saturating_sub(4)..).unwrap_or_default()
        );
        let fail = |why: String| Err(format!("line {at}: {line}\n    {why}\n    log before: {log}"));
        let (word, rest) = line.split_once(':').unwrap_or((line, ""));
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        said.push_str(&String::from_utf8_lossy(&std::mem::take(&mut rig.output)));
        match word {
            "" => {}
            _ if line.starts_with('#') => {}
            "C" => rig.send(&[&unescape(rest), &b"\r\n"[..]].concat()),
            "C raw" => rig.send(&unescape(rest)),
            "S" => {
                let Some((next, behind)) = said.split_once("\r\n") else {
                    return fail(format!("nothing was said, only {said:?}"));
                };
                if !matches_line(next, rest) {
                    return fail(format!("said: {next}"));
                }
                said = behind.to_owned();
            }
            "S has" => {
                if let Err(why) = take_reply(&mut said, rest) {
                    return fail(why);
                }
            }
            "Q" => match rig.log[questions_read..]
                .iter()
                .position(|entry| entry.starts_with(rest))
            {
                Some(position) => questions_read += position + 1,
                None => return fail("no such question".into()),
            },
            "A" => {
                let (kind, reply) = rest.split_once(' ').unwrap();
                rig.answers.push_back((kind.to_owned(), reply_of(reply)));
            }
            "body" => {
                if rig.body != unescape(rest) {
                    return fail(format!("body: {:?}", String::from_utf8_lossy(&rig.body)));
                }
            }
            "tls" => rig.tls(),
            "eof" => rig.eof(),
            "shutdown" => rig.shut_down(),
            "pass" => rig.pass(Duration::from_secs(rest.parse().unwrap())),
            "closed" => {
                closed_expected = true;
                if format!("{:?}", rig.closed) != format!("Some({rest})") {
                    return fail(format!("closed: {:?}", rig.closed));
                }
            }
            _ => return fail("no such word".into()),
        }
    }
    said.push_str(&String::from_utf8_lossy(&rig.output));
    if !said.is_empty() {
        return Err(format!("said, and not expected: {said:?}"));
    }
    if !closed_expected && rig.closed.is_some() {
        return Err(format!("closed, and not expected: {:?}", rig.closed));
    }
    Ok(())
}

fn setting(head: &str) -> Result<Setting, String> {
    let mut setting = Setting::new(Dialect::Strict);
    for line in head.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (word, rest) = line.split_once(": ").ok_or(format!("head: {line}"))?;
        for value in rest.split(' ') {
            apply(&mut setting, word, value).ok_or(format!("head: {line}: {value}"))?;
        }
    }
    Ok(setting)
}

fn apply(setting: &mut Setting, word: &str, value: &str) -> Option<()> {
    let config = &mut setting.config;
    let (name, number) = value.split_once('=').unwrap_or((value, "0"));
    let number: u64 = number.parse().ok()?;
    match (word, name) {
        ("dialect", "strict") => config.dialect = Dialect::Strict,
        ("dialect", "lenient") => config.dialect = Dialect::Lenient,
        ("transport", "clear") => setting.transport = Transport::Clear,
        ("transport", "tls") => setting.transport = Transport::ImplicitTls,
        ("offer", "starttls") => config.offer.starttls = true,
        ("offer", "auth") => config.offer.auth = AuthOffer::UnderTls([Mechanism::Plain, Mechanism::Login].into()),
        ("offer", "auth-all") => config.offer.auth = AuthOffer::UnderTls(Mechanism::ALL.into()),
        ("usable", name) => {
            let mechanism = Mechanism::ALL.into_iter().find(|mechanism| mechanism.name() == name)?;
            setting.usable = Some(setting.usable.unwrap_or_default().with(mechanism));
        }
        ("offer", "-dsn") => config.offer.dsn = false,
        ("offer", "-chunking") => config.offer.chunking = false,
        ("offer", "-smtputf8") => config.offer.smtputf8 = false,
        ("offer", "-8bitmime") => config.offer.eightbitmime = false,
        ("offer", "-pipelining") => config.offer.pipelining = false,
        ("offer", "-limits") => config.offer.limits = false,
        ("require", "tls") => config.tls_required = true,
        ("require", "auth") => config.auth_required = true,
        ("tolerate", "bare-lf") => setting.tolerances.bare_lf = true,
        ("tolerate", "long-lines") => setting.tolerances.long_lines = true,
        ("tolerate", "no-starttls") => setting.tolerances.no_starttls_advertised = true,
        ("limit", "recipients") => config.limits.recipients = u32::try_from(number).ok()?,
        ("limit", "overshoot") => config.limits.recipient_overshoot = u32::try_from(number).ok()?,
        ("limit", "messages") => config.limits.messages = u32::try_from(number).ok(),
        ("limit", "errors") => config.limits.errors_hard = u32::try_from(number).ok()?,
        ("limit", "errors-soft") => config.limits.errors_soft = u32::try_from(number).ok()?,
        ("limit", "error-delay") => config.timeouts.error_delay = Duration::from_secs(number),
        ("limit", "body-total") => config.timeouts.body_total = Duration::from_secs(number),
        ("limit", "auth-failures") => config.limits.auth_failures = u32::try_from(number).ok()?,
        ("limit", "text-line") => config.limits.text_line_octets = usize::try_from(number).ok()?,
        ("limit", "idle-commands") => config.limits.idle_commands = u32::try_from(number).ok()?,
        ("limit", "size") => config.offer.size_max = number,
        ("limit", "swallow") => config.limits.swallow_octets = number,
        ("limit", "greet-delay") => config.greet_delay = Duration::from_secs(number),
        _ => return None,
    }
    Some(())
}

fn matches_line(line: &str, wanted: &str) -> bool {
    match wanted.split_once(" [") {
        Some((front, code)) => line.starts_with(front) && line.ends_with(&format!("[{code}")),
        None => line.starts_with(wanted),
    }
}

/// Takes one reply of any number of lines.
fn take_reply(said: &mut String, wanted: &str) -> Result<(), String> {
    let (code, wanted) = wanted.split_once(' ').unwrap_or((wanted, ""));
    let mut lines = Vec::new();
    loop {
        let (line, behind) = said.split_once("\r\n").ok_or("the reply does not end")?;
        let (line, behind) = (line.to_owned(), behind.to_owned());
        *said = behind;
        if !line.starts_with(code) {
            return Err(format!("said: {line}"));
        }
        let last = line.as_bytes()[3] == b' ';
        lines.push(line[4..].to_owned());
        if last {
            break;
        }
    }
    for want in wanted.split('|') {
        let found = |text: &str| lines.iter().any(|line| line == text);
        let fits = match want.strip_prefix('!') {
            Some(keyword) => !lines.iter().any(|line| line.starts_with(keyword)),
            None => found(want),
        };
        if !fits {
            return Err(format!("{want}: the reply is {lines:?}"));
        }
    }
    Ok(())
}

fn reply_of(text: &str) -> Answer {
    let (code, rest) = text.split_once(' ').unwrap_or((text, ""));
    let (enhanced, text) = EnhancedCode::split_from(rest).map_or((None, rest), |(code, text)| (Some(code), text));
    Answer::Reply(Reply {
        code: code.parse().unwrap(),
        enhanced,
        text: text.to_owned().into(),
    })
}

fn unescape(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        if octet != b'\\' {
            octets.push(octet);
            continue;
        }
        octets.push(match rest.next() {
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'0') => 0,
            Some(b'x') => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => other.unwrap(),
        });
    }
    octets
}
