//! One session of a peer.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use world::Stream;

use super::{HABITS, Habit, PeerMischief, Peers, Step};
use crate::chronicle::{Answered, Arrival, Chronicle, TurnedAway, When};
use crate::dice::Dice;
use crate::town::Place;

/// How long a peer waits for the next line.
const PATIENCE: Duration = Duration::from_secs(900);
/// How long one hangs that hangs: longer than anybody waits.
const HANGING: Duration = Duration::from_secs(3600);
/// Octets of a message at most.
const LETTER_OCTETS_MAX: usize = 8 << 20;

pub(super) struct Session {
    peers: Peers,
    place: &'static Place,
    port: u16,
    connected: When,
    dice: Dice,
    habit: Option<(Step, Habit, &'static str)>,
    offers: Offers,
    /// Whether what is offered was heard.
    is_extended: bool,
    letter: Letter,
}

/// What this session offers.
struct Offers {
    tls: bool,
    pipelining: bool,
    eight_bit: bool,
    chunking: bool,
    dsn: bool,
}

#[derive(Default)]
struct Letter {
    from: String,
    to: Vec<String>,
    begun: Option<When>,
    octets: Vec<u8>,
}

/// How a session goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// As was asked.
    On,
    /// Otherwise: it was refused.
    Refused,
    /// Not at all.
    Over,
}

impl Session {
    pub(super) fn new(peers: &Peers, place: &'static Place, port: u16) -> Self {
        let number = peers.inner.sessions.fetch_add(1, Ordering::SeqCst);
        let dice = Dice::of(
            peers.inner.seed ^ number.wrapping_mul(0x2545_f491_4f6c_dd1d),
            place.host,
        );
        let bad = peers.inner.bad.load(Ordering::SeqCst);
        let habit = if dice.chance(bad) {
            dice.pick(HABITS).copied()
        } else {
            None
        };
        let needs_tls = place.host == "mx.partner.example" || habit.is_some_and(|(at, ..)| at == Step::Tls);
        let offers = Offers {
            tls: dice.chance(60) || needs_tls,
            pipelining: dice.chance(70),
            eight_bit: dice.chance(75),
            chunking: dice.chance(30),
            dsn: dice.chance(40),
        };
        Self {
            connected: peers.inner.chronicle.now(),
            peers: peers.clone(),
            place,
            port,
            dice,
            habit,
            offers,
            is_extended: false,
            letter: Letter::default(),
        }
    }

    pub(super) async fn serve(mut self, stream: Box<dyn Stream>) {
        // How a session ends is no matter of ours: what counts was told.
        let _ = self.whole(stream).await;
    }

    async fn whole(&mut self, stream: Box<dyn Stream>) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        if self.react(&mut stream, Step::Greeting, "220 there ESMTP").await? == Next::Over {
            return Ok(());
        }
        if self.converse(&mut stream, false).await? {
            let accepting = self.peers.inner.tls.clone().accept(stream.into_inner());
            let Ok(Ok(inner)) = tokio::time::timeout(PATIENCE, accepting).await else {
                return Ok(());
            };
            self.converse(&mut BufReader::new(inner), true).await?;
        }
        Ok(())
    }

    /// Lines and answers, until it is over (`false`) or TLS begins (`true`).
    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut BufReader<S>,
        tls: bool,
    ) -> io::Result<bool> {
        loop {
            let Some(line) = line(stream).await? else {
                return Ok(false);
            };
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            let verb = text.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            if verb == "STARTTLS" && self.offers.tls && !tls {
                match self.react(stream, Step::Tls, "220 2.0.0 go on").await? {
                    Next::On => return Ok(true),
                    Next::Refused => continue,
                    Next::Over => return Ok(false),
                }
            }
            if self.answer(stream, &verb, &text, tls).await? == Next::Over {
                return Ok(false);
            }
        }
    }

    async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut BufReader<S>,
        verb: &str,
        text: &str,
        tls: bool,
    ) -> io::Result<Next> {
        match verb {
            "EHLO" => {
                let extensions = self.extensions(tls);
                let next = self.react(stream, Step::Hello, &extensions).await?;
                self.is_extended = next == Next::On;
                Ok(next)
            }
            "MAIL" => {
                self.letter = Letter {
                    from: address(text),
                    ..Letter::default()
                };
                let next = self.react(stream, Step::Mail, "250 2.1.0 ok").await?;
                if next == Next::On {
                    self.letter.begun = Some(self.chronicle().now());
                }
                Ok(next)
            }
            "RCPT" => self.recipient(stream, &address(text)).await,
            "DATA" if self.letter.to.is_empty() => {
                say(stream, "554 5.5.1 nobody is to get it").await?;
                Ok(Next::Refused)
            }
            "DATA" => match self.react(stream, Step::Data, "354 go on").await? {
                Next::On => {
                    self.letter.octets = body(stream).await?;
                    self.take(stream).await
                }
                next => Ok(next),
            },
            "BDAT" => self.chunk(stream, text).await,
            "QUIT" => {
                say(stream, "221 2.0.0 goodbye").await?;
                Ok(Next::Over)
            }
            _ => {
                say(stream, "250 2.0.0 ok").await?;
                Ok(Next::On)
            }
        }
    }

    fn extensions(&self, tls: bool) -> String {
        let Offers {
            pipelining,
            eight_bit,
            chunking,
            dsn,
            ..
        } = self.offers;
        let all = [
            (self.offers.tls && !tls, "STARTTLS"),
            (pipelining, "PIPELINING"),
            (eight_bit, "8BITMIME"),
            (chunking, "CHUNKING"),
            (dsn, "DSN"),
        ];
        let offered = all
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, word)| format!("\r\n250-{word}"));
        format!("250-{}{}\r\n250 SIZE", self.place.host, offered.collect::<String>())
    }

    /// Some recipients are not there, some are always full, and some are to be tried again.
    async fn recipient<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut BufReader<S>,
        to: &str,
    ) -> io::Result<Next> {
        let known = format!("{} {to}", self.letter.from);
        let local = to.split('@').next().unwrap_or_default();
        let is_new = local == "late" && self.peers.is_new(known);
        let refusal = match local {
            _ if self.letter.begun.is_none() => Some("503 5.5.1 from whom?"),
            "nobody" => Some("550 5.1.1 nobody of that name"),
            "full" => Some("452 4.2.2 the mailbox is full"),
            _ if is_new => Some("451 4.7.1 come again"),
            _ => None,
        };
        if let Some(refusal) = refusal {
            if refusal.starts_with('5') {
                self.turn_away(Some(to.to_owned()));
            }
            say(stream, refusal).await?;
            return Ok(Next::Refused);
        }
        let next = self.react(stream, Step::Rcpt, "250 2.1.5 ok").await?;
        if next == Next::On {
            self.letter.to.push(to.to_owned());
        }
        Ok(next)
    }

    async fn chunk<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut BufReader<S>,
        text: &str,
    ) -> io::Result<Next> {
        let mut words = text.split(' ').skip(1);
        let octets: usize = words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
        let is_last = words.next().is_some_and(|word| word.eq_ignore_ascii_case("LAST"));
        let mut chunk = vec![0; octets.min(LETTER_OCTETS_MAX)];
        stream.read_exact(&mut chunk).await?;
        if self.letter.to.is_empty() {
            say(stream, "554 5.5.1 nobody is to get it").await?;
            return Ok(Next::Refused);
        }
        self.letter.octets.extend_from_slice(&chunk);
        if is_last {
            return self.take(stream).await;
        }
        say(stream, "250 2.0.0 go on").await?;
        Ok(Next::On)
    }

    /// The message is here; what is said of it, and whether that is heard, is another matter.
    async fn take<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut BufReader<S>) -> io::Result<Next> {
        const TAKEN: &str = "250 2.0.0 taken";
        let (answered, next) = match self.habit_at(Step::End) {
            Some(Habit::Later) => {
                say(stream, "451 4.3.0 not now").await?;
                return Ok(Next::Refused);
            }
            Some(Habit::Never) => {
                self.turn_away(None);
                say(stream, "554 5.6.0 not this").await?;
                return Ok(Next::Refused);
            }
            Some(Habit::CloseMidReply) => {
                stream.get_mut().write_all(b"25").await?;
                (Answered::Lost("closed in the middle of its answer"), Next::Over)
            }
            Some(Habit::TakeAndHang) => {
                self.note(Answered::Lost("said nothing"));
                tokio::time::sleep(HANGING).await;
                return Ok(Next::Over);
            }
            Some(Habit::Slow) => {
                tokio::time::sleep(Duration::from_secs(self.dice.within(1, 240))).await;
                self.say_taken(stream, TAKEN).await
            }
            Some(_) => (Answered::Lost("closed without a word"), Next::Over),
            None => self.say_taken(stream, TAKEN).await,
        };
        self.note(answered);
        Ok(next)
    }

    async fn say_taken<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut BufReader<S>,
        reply: &str,
    ) -> (Answered, Next) {
        match say(stream, reply).await {
            Ok(()) => (Answered::Said, Next::On),
            Err(_) => (Answered::Lost("nobody was there any more"), Next::Over),
        }
    }

    fn note(&mut self, answered: Answered) {
        let letter = std::mem::take(&mut self.letter);
        let chronicle = self.chronicle().clone();
        let when = chronicle.now();
        chronicle.say(format_args!(
            "{} has {} octets of <{}> for {:?}, {answered:?}, port {}",
            self.place.host,
            letter.octets.len(),
            letter.from,
            letter.to,
            self.port
        ));
        let mut arrival = Arrival {
            when,
            begun: letter.begun.unwrap_or(when),
            connected: self.connected,
            peer: self.place.host,
            port: self.port,
            eight_bit: self.is_extended && self.offers.eight_bit,
            from: letter.from,
            to: letter.to,
            octets: letter.octets,
            answered,
        };
        match self.peers.inner.mischief {
            PeerMischief::Twice if self.dice.chance(30) => chronicle.story().arrivals.push(arrival.clone()),
            PeerMischief::Mangle if self.dice.chance(30) => {
                let last = arrival.octets.len().saturating_sub(4);
                if let Some(octet) = arrival.octets.get_mut(last) {
                    *octet ^= 1;
                }
            }
            _ => {}
        }
        chronicle.story().arrivals.push(arrival);
    }

    fn turn_away(&self, to: Option<String>) {
        let when = self.chronicle().now();
        let from = self.letter.from.clone();
        let away = TurnedAway { when, from, to };
        self.chronicle().story().turned_away.push(away);
    }

    /// Says what is asked for, unless a habit shows here.
    async fn react<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut BufReader<S>,
        step: Step,
        good: &str,
    ) -> io::Result<Next> {
        let Some(habit) = self.habit_at(step) else {
            say(stream, good).await?;
            return Ok(Next::On);
        };
        match habit {
            Habit::Later => {
                let (reply, next) = match step {
                    Step::Greeting => ("421 4.3.2 not now", Next::Over),
                    _ => ("451 4.3.2 not now", Next::Refused),
                };
                say(stream, reply).await?;
                return Ok(next);
            }
            Habit::Never => {
                self.turn_away(None);
                say(stream, "554 5.7.1 not here").await?;
                return Ok(Next::Refused);
            }
            Habit::Slow => {
                tokio::time::sleep(Duration::from_secs(self.dice.within(1, 200))).await;
                say(stream, good).await?;
                return Ok(Next::On);
            }
            Habit::Hang => tokio::time::sleep(HANGING).await,
            Habit::CloseMidReply => stream.get_mut().write_all(b"25").await?,
            Habit::Babble if step == Step::Tls => {
                say(stream, good).await?;
                stream.get_mut().write_all(b"this is no handshake\r\n").await?;
            }
            Habit::Babble => stream.get_mut().write_all(b"what do you want?\r\n\0\xff\r\n").await?,
            Habit::Close | Habit::TakeAndClose | Habit::TakeAndHang => {}
        }
        Ok(Next::Over)
    }

    /// The habit that shows here, if one does; it is told, and shows once.
    fn habit_at(&mut self, step: Step) -> Option<Habit> {
        let (_, habit, name) = self.habit.take_if(|(at, ..)| *at == step)?;
        self.chronicle().blow(name, Some(self.port));
        Some(habit)
    }

    fn chronicle(&self) -> &Chronicle {
        &self.peers.inner.chronicle
    }
}

fn address(line: &str) -> String {
    let inside = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map(|(address, _)| address.to_owned()).unwrap_or_default()
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>, reply: &str) -> io::Result<()> {
    let stream = stream.get_mut();
    stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
    stream.flush().await
}

/// The next line with its end; `None` where there is none.
async fn line<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    match tokio::time::timeout(PATIENCE, stream.read_until(b'\n', &mut line)).await {
        Ok(read) => Ok((read? > 0).then_some(line)),
        Err(_) => Ok(None),
    }
}

/// A message up to its dot, dots taken out again.
async fn body<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    loop {
        let Some(line) = line(stream).await? else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        if line == b".\r\n" {
            return Ok(octets);
        }
        octets.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}
