//! Letters of the registry, as somebody finds them in a mailbox.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::pages::SITE;
use crate::peers::Sink;

/// A letter.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The envelope's sender; nobody, for a letter of the registry.
    pub from: String,
    pub subject: String,
    /// Its plain text.
    pub text: String,
    /// All of it, as it came.
    pub whole: String,
}

impl Letter {
    /// The link in it.
    pub fn link(&self) -> String {
        let link = self.text.lines().find(|line| line.starts_with(SITE));
        link.unwrap_or_else(|| panic!("no link in it:\n{}", self.text))
            .to_owned()
    }
}

/// What arrived for somebody.
pub(super) fn to(sink: &Sink, to: &str) -> Vec<Letter> {
    let ours = sink
        .messages()
        .into_iter()
        .filter(|(envelope, _)| envelope.to.iter().any(|one| one == to));
    ours.map(|(envelope, octets)| read(envelope.from, &String::from_utf8_lossy(&octets)))
        .collect()
}

fn read(from: String, whole: &str) -> Letter {
    let subject = whole
        .lines()
        .find_map(|line| line.strip_prefix("Subject: "))
        .unwrap_or_default();
    // The first part is the plain one, in Base64; other mail is what it is.
    let part = whole.split_once("Content-Type: text/plain").and_then(|(_, part)| {
        let (_, body) = part.split_once("\r\n\r\n")?;
        let lines: String = body.lines().take_while(|line| !line.starts_with("--")).collect();
        STANDARD.decode(lines).ok()
    });
    let text = part.map_or_else(
        || whole.to_owned(),
        |octets| String::from_utf8(octets).unwrap().replace("\r\n", "\n"),
    );
    Letter {
        from,
        subject: subject.to_owned(),
        text,
        whole: whole.to_owned(),
    }
}
