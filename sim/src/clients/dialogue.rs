//! One session of a client, from connecting to the last it hears.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use world::Net;
use world::sim::SimNet;

use super::wire::{Gone, Wire};
use super::{Letter, Login, Session};
use crate::chronicle::{Chronicle, Reply, Transmission};
use crate::town::Door;

/// How long connecting may take.
const CONNECTING: Duration = Duration::from_secs(120);

/// What clients share.
#[derive(Clone)]
pub struct Town {
    /// The network.
    pub net: SimNet,
    /// Where they tell what they saw.
    pub chronicle: Chronicle,
    /// How they speak TLS.
    pub tls: Arc<rustls::ClientConfig>,
}

impl Town {
    /// One client has its session.
    pub async fn visit(self, session: Session) {
        let numbers: Vec<u32> = session.letters.iter().map(|letter| letter.number).collect();
        self.chronicle.say(format_args!(
            "{} comes from {} to {:?} with {numbers:?}",
            session.client, session.ip, session.door
        ));
        let mut proved = None;
        let _ = self.talk(&session, &mut proved).await;
        let over = self.chronicle.now();
        let mut story = self.chronicle.story();
        for one in story
            .transmissions
            .iter_mut()
            .filter(|one| numbers.contains(&one.number))
        {
            one.over.get_or_insert(over);
        }
    }

    async fn talk(&self, session: &Session, proved: &mut Option<String>) -> Result<(), Gone> {
        let to = session.door.address().parse().map_err(|_| Gone)?;
        let connecting = self.net.connect(to, Some(session.ip));
        let stream = tokio::time::timeout(CONNECTING, connecting).await.map_err(|_| Gone)??;
        let mut wire = Wire::new(Box::new(stream), session.manner.breaks_off, self.chronicle.clone());
        if session.door == Door::Submissions {
            wire = wire.secure(&self.tls).await?;
        }
        expect(wire.hear().await?, 220)?;
        hello(&mut wire, session).await?;
        if session.door == Door::Submission && session.login.is_some() {
            wire.say(b"STARTTLS\r\n").await?;
            expect(wire.hear().await?, 220)?;
            wire = wire.secure(&self.tls).await?;
            hello(&mut wire, session).await?;
        }
        if let Some(login) = session.login
            && prove(&mut wire, login).await?.code == 235
        {
            *proved = Some(login.name.to_owned());
        }
        for letter in &session.letters {
            self.open(session, letter, proved.clone());
            self.transmit(&mut wire, session, letter).await?;
            let over = self.chronicle.now();
            self.tell(letter, |told| told.over = Some(over));
        }
        if !session.manner.rude {
            wire.say(b"QUIT\r\n").await?;
            wire.hear().await?;
        }
        wire.close().await;
        Ok(())
    }

    fn open(&self, session: &Session, letter: &Letter, login: Option<String>) {
        self.chronicle.story().transmissions.push(Transmission {
            number: letter.number,
            client: session.client,
            ip: session.ip,
            door: session.door,
            login,
            from: letter.from.to_owned(),
            to: letter.to.iter().map(|to| ((*to).to_owned(), None)).collect(),
            octets: letter.octets.clone(),
            quiet: letter.quiet && !session.manner.old,
            ended: None,
            verdict: None,
            over: None,
        });
    }

    fn tell(&self, letter: &Letter, change: impl FnOnce(&mut Transmission)) {
        let mut story = self.chronicle.story();
        if let Some(told) = story.transmissions.iter_mut().find(|one| one.number == letter.number) {
            change(told);
        }
    }

    async fn transmit(&self, wire: &mut Wire, session: &Session, letter: &Letter) -> Result<(), Gone> {
        let mut commands = vec![mail(session, letter)];
        commands.extend(letter.to.iter().map(|to| rcpt(session, letter, to)));
        let chunks = session.manner.chunks && !session.manner.old;
        if session.manner.pipelines && !session.manner.old {
            let mut all = commands.concat();
            if !chunks {
                all.push_str("DATA\r\n");
            }
            wire.say(all.as_bytes()).await?;
        }
        let mut anybody = false;
        for (place, command) in commands.iter().enumerate() {
            if !session.manner.pipelines || session.manner.old {
                wire.say(command.as_bytes()).await?;
            }
            let reply = wire.hear().await?;
            anybody |= place > 0 && reply.code / 100 == 2;
            let refused = reply.code >= 400;
            self.tell(letter, |told| {
                if let Some((_, said)) = place.checked_sub(1).and_then(|place| told.to.get_mut(place)) {
                    *said = Some(reply);
                }
            });
            // Who has no sender has no recipients either; who sent all of it at once has to hear all of it.
            if place == 0 && refused && !session.manner.pipelines {
                return self.begin_again(wire).await;
            }
        }
        let verdict = if chunks {
            if !anybody {
                return self.begin_again(wire).await;
            }
            self.in_chunks(wire, letter).await?
        } else {
            if !session.manner.pipelines || session.manner.old {
                if !anybody {
                    return self.begin_again(wire).await;
                }
                wire.say(b"DATA\r\n").await?;
            }
            let go_on = wire.hear().await?;
            if go_on.code != 354 {
                return self.begin_again(wire).await;
            }
            self.body(wire, session, letter).await?;
            wire.hear().await?
        };
        self.chronicle.say(format_args!(
            "{} hears of {}: {} {}",
            session.client, letter.number, verdict.code, verdict.text
        ));
        self.tell(letter, |told| told.verdict = Some(verdict));
        Ok(())
    }

    async fn begin_again(&self, wire: &mut Wire) -> Result<(), Gone> {
        wire.say(b"RSET\r\n").await?;
        wire.hear().await?;
        Ok(())
    }

    fn last_octet_leaves(&self, letter: &Letter) {
        let now = self.chronicle.now();
        self.tell(letter, |told| told.ended = Some(now));
    }

    async fn body(&self, wire: &mut Wire, session: &Session, letter: &Letter) -> Result<(), Gone> {
        let mut octets = stuffed(&letter.octets);
        if session.manner.bare_lf {
            octets = String::from_utf8_lossy(&octets).replace("\r\n", "\n").into_bytes();
        }
        let end: &[u8] = if session.manner.bare_lf { b".\n" } else { b".\r\n" };
        if session.manner.slow {
            let piece = octets.len().div_ceil(6).max(1);
            for piece in octets.chunks(piece) {
                wire.say(piece).await?;
                tokio::time::sleep(Duration::from_secs(7)).await;
            }
            octets.clear();
        }
        octets.extend_from_slice(end);
        if wire.will_say(octets.len()) {
            self.last_octet_leaves(letter);
        }
        wire.say(&octets).await
    }

    async fn in_chunks(&self, wire: &mut Wire, letter: &Letter) -> Result<Reply, Gone> {
        let half = letter.octets.len() / 2;
        let (first, last) = letter.octets.split_at_checked(half).ok_or(Gone)?;
        wire.say(format!("BDAT {}\r\n", first.len()).as_bytes()).await?;
        wire.say(first).await?;
        let reply = wire.hear().await?;
        if reply.code != 250 {
            return Ok(reply);
        }
        let mut octets = format!("BDAT {} LAST\r\n", last.len()).into_bytes();
        octets.extend_from_slice(last);
        if wire.will_say(octets.len()) {
            self.last_octet_leaves(letter);
        }
        wire.say(&octets).await?;
        wire.hear().await
    }
}

fn expect(reply: Reply, code: u16) -> Result<(), Gone> {
    if reply.code == code { Ok(()) } else { Err(Gone) }
}

async fn hello(wire: &mut Wire, session: &Session) -> Result<(), Gone> {
    let verb = if session.manner.old { "HELO" } else { "EHLO" };
    wire.say(format!("{verb} {}.test\r\n", session.client).as_bytes())
        .await?;
    expect(wire.hear().await?, 250)
}

async fn prove(wire: &mut Wire, login: Login) -> Result<Reply, Gone> {
    if !login.two_steps {
        let response = STANDARD.encode(format!("\0{}\0{}", login.name, login.secret));
        wire.say(format!("AUTH PLAIN {response}\r\n").as_bytes()).await?;
        return wire.hear().await;
    }
    wire.say(b"AUTH LOGIN\r\n").await?;
    for word in [login.name, login.secret] {
        let reply = wire.hear().await?;
        if reply.code != 334 {
            return Ok(reply);
        }
        wire.say(format!("{}\r\n", STANDARD.encode(word)).as_bytes()).await?;
    }
    wire.hear().await
}

fn mail(session: &Session, letter: &Letter) -> String {
    let mut line = format!("MAIL FROM:<{}>", letter.from);
    if letter.eight_bit && !session.manner.old {
        line.push_str(" BODY=8BITMIME");
    }
    line + "\r\n"
}

fn rcpt(session: &Session, letter: &Letter, to: &str) -> String {
    let quiet = if letter.quiet && !session.manner.old {
        " NOTIFY=NEVER"
    } else {
        ""
    };
    format!("RCPT TO:<{to}>{quiet}\r\n")
}

/// Lines that begin with a dot get another.
fn stuffed(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len() + 16);
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    out
}
