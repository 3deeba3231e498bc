//! One message along each way, and one that may not.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use ledger::Key;
use mail::{BodyType, Domain, ForwardPath, Host, MailParams, Mailbox, MessageId, RcptParams, ReversePath};
use smtp::client::{ClientConfig, Login, RecipientOutcome, TlsDemand, Transaction};
use smtp::server::Transport;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use wire::{Connection, Dial, Roots, TlsClient, Trust, WholeBody};
use world::World;

use super::house::{APPLICATION, COPIER, House, STRANGER, loopback};
use crate::gateway::Gateway;
use crate::sink;
use crate::story::tell;

/// How long a message may take to arrive before the demo says that it did not.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often the demo looks.
const GLANCE: Duration = Duration::from_millis(5);

/// One way through the gate.
struct Plan {
    title: &'static str,
    from_address: Ipv4Addr,
    port: u16,
    entry: Entry,
    sender: &'static str,
    recipient: &'static str,
    message: String,
    /// What must be in the message that arrives, byte for byte.
    intact: String,
    arrives_in: PathBuf,
}

/// How a client comes in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    /// STARTTLS, then a login.
    Submission,
    /// Implicit TLS, then a login.
    Submissions,
    /// Another server: STARTTLS, no login.
    Server,
    /// A device: in clear, without a login, ending its lines badly.
    Device,
}

/// What came of one way.
pub(super) struct Way {
    pub title: &'static str,
    pub id: Option<MessageId>,
    pub story: String,
    pub arrived: Option<Arrival>,
    intact: String,
}

/// A message that arrived.
pub(super) struct Arrival {
    pub after: Duration,
    pub envelope: sink::Envelope,
    octets: Vec<u8>,
}

impl Way {
    /// Whether it arrived, and as it was meant.
    pub(super) fn intact(&self) -> bool {
        let Some(arrival) = &self.arrived else { return false };
        let has = |part: &str| memchr::memmem::find(&arrival.octets, part.as_bytes()).is_some();
        has(&self.intact) && has("Received: from ") && has("Date: ") && has("Message-ID: ") && has("From: ")
    }
}

/// Sends a message along each way and waits for it.
pub(super) async fn send_all(house: &House, gateway: &Gateway, world: &World) -> anyhow::Result<Vec<Way>> {
    let mut ways = Vec::new();
    for plan in plans(house) {
        ways.push(follow(plan, house, gateway, world).await?);
    }
    Ok(ways)
}

fn plans(house: &House) -> Vec<Plan> {
    let ports = house.ports;
    let letter = |from: &str, to: &str, subject: &str, text: &str| {
        format!(
            "From: <{from}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n\
             Message-ID: <{subject}@example>\r\n\r\n{text}"
        )
    };
    let invoice = "Dear customer,\r\n\r\n.a line that begins with a dot\r\nyour invoice is attached.\r\n";
    let reminder = "A reminder, by way of implicit TLS.\r\n";
    let greeting = "Hello from the other side of the border.\r\n";
    vec![
        Plan {
            title: "An application logs in on 587 and writes to a customer outside",
            from_address: Ipv4Addr::LOCALHOST,
            port: ports.submission,
            entry: Entry::Submission,
            sender: "billing@example.edu",
            recipient: "customer@example.com",
            message: letter("billing@example.edu", "customer@example.com", "Invoice-4711", invoice),
            intact: invoice.to_owned(),
            arrives_in: house.outside_dir.clone(),
        },
        Plan {
            title: "The same application on 465, under implicit TLS",
            from_address: Ipv4Addr::LOCALHOST,
            port: ports.submissions,
            entry: Entry::Submissions,
            sender: "billing@example.edu",
            recipient: "customer@example.com",
            message: letter("billing@example.edu", "customer@example.com", "Reminder-4711", reminder),
            intact: reminder.to_owned(),
            arrives_in: house.outside_dir.clone(),
        },
        Plan {
            title: "A server outside writes to one of us",
            from_address: Ipv4Addr::LOCALHOST,
            port: ports.mx,
            entry: Entry::Server,
            sender: "alice@example.com",
            recipient: "bob@example.edu",
            message: letter("alice@example.com", "bob@example.edu", "Hello", greeting),
            intact: greeting.to_owned(),
            arrives_in: house.inside_dir.clone(),
        },
        Plan {
            title: "A copier scans to mail: no login, no TLS, no From, no Date, bare line feeds",
            from_address: COPIER,
            port: ports.relay,
            entry: Entry::Device,
            sender: "scan@devices.example.edu",
            recipient: "it@example.com",
            message: "Subject: Scan from 3rd floor\nTo: it@example.com\n\nPlease see the attachment.\n".to_owned(),
            intact: "Subject: Scan from 3rd floor\r\nTo: it@example.com\r\n\r\nPlease see the attachment.\r\n"
                .to_owned(),
            arrives_in: house.outside_dir.clone(),
        },
    ]
}

async fn follow(plan: Plan, house: &House, gateway: &Gateway, world: &World) -> anyhow::Result<Way> {
    let before = sink::messages(&plan.arrives_in)?.len();
    let started = Instant::now();
    let said = match plan.entry {
        Entry::Device => speak_like_a_copier(&plan, world).await,
        _ => speak(&plan, house, world).await,
    }
    .with_context(|| format!("{} (port {})", plan.title, plan.port))?;
    let id = message_id(&said);
    let arrived = wait_for(&plan, before, started).await?;
    let story = match id {
        Some(id) => told_story(gateway, id).await?,
        None => format!("  refused: {said}\n"),
    };
    Ok(Way {
        title: plan.title,
        id,
        story,
        arrived,
        intact: plan.intact,
    })
}

/// The next message that arrives in the folder, if it does in time.
async fn wait_for(plan: &Plan, before: usize, started: Instant) -> anyhow::Result<Option<Arrival>> {
    while started.elapsed() < PATIENCE {
        if let Some((envelope, octets)) = sink::messages(&plan.arrives_in)?.into_iter().nth(before) {
            return Ok(Some(Arrival {
                after: started.elapsed(),
                envelope,
                octets,
            }));
        }
        tokio::time::sleep(GLANCE).await;
    }
    Ok(None)
}

/// The story, once its end is known too.
async fn told_story(gateway: &Gateway, id: MessageId) -> anyhow::Result<String> {
    let started = Instant::now();
    loop {
        let story = gateway.view().get(id).await?;
        let done = story
            .as_ref()
            .is_some_and(|story| story.recipients.iter().all(|one| one.state.is_done()));
        if done || started.elapsed() > PATIENCE {
            gateway.recorder().catch_up().await;
            let lines = gateway.reader().events_of(&Key::Message(id))?;
            return Ok(tell(story.as_ref(), &lines)
                .map(|tale| tale.to_string())
                .unwrap_or_default());
        }
        tokio::time::sleep(GLANCE).await;
    }
}

/// Our 250 names the message.
fn message_id(said: &str) -> Option<MessageId> {
    said.split([' ', '[', ']']).find_map(|word| word.parse().ok())
}

/// A client that knows its protocol.
async fn speak(plan: &Plan, house: &House, world: &World) -> anyhow::Result<String> {
    let mut client = ClientConfig::new(Host::Domain(Domain::parse("client.example.com")?));
    client.tls = TlsDemand::Required;
    if plan.entry != Entry::Server {
        client.login = Some(Login::new(APPLICATION, &house.secret)?);
    }
    let dial = Dial {
        to: loopback(plan.port),
        from: Some(IpAddr::V4(plan.from_address)),
        host: Host::Domain(Domain::parse("gate.example.edu")?),
        transport: if plan.entry == Entry::Submissions {
            Transport::ImplicitTls
        } else {
            Transport::Clear
        },
        client,
        tls: Some(TlsClient::new(
            Roots::none().load(&house.ca)?,
            None,
            world.clock.clone(),
        )),
        trust: Trust::Verify { names: Vec::new() },
        connect_timeout: PATIENCE,
    };
    let mut connection = Connection::open(&*world.net, world.clock.clone(), &dial).await?;
    let message = Bytes::from(plan.message.clone());
    let transaction = Transaction {
        reverse: ReversePath::Mailbox(plan.sender.parse::<Mailbox>()?),
        recipients: vec![(
            ForwardPath::Mailbox(plan.recipient.parse::<Mailbox>()?),
            RcptParams::default(),
        )],
        params: MailParams {
            size: Some(message.len() as u64),
            body: BodyType::SevenBit,
            ..MailParams::default()
        },
    };
    let outcome = connection.deliver(transaction, &mut WholeBody::new(message)).await?;
    connection.quit().await;
    match outcome.recipients.first() {
        Some(RecipientOutcome::Delivered(reply) | RecipientOutcome::Refused(_, reply)) => Ok(reply.to_string()),
        _ => Ok("no answer".to_owned()),
    }
}

/// A client that does not: it reads replies and writes what its firmware has always written.
async fn speak_like_a_copier(plan: &Plan, world: &World) -> anyhow::Result<String> {
    let stream = world
        .net
        .connect(loopback(plan.port), Some(IpAddr::V4(plan.from_address)))
        .await?;
    let mut stream = BufReader::new(stream);
    let mut reply = read_reply(&mut stream).await?;
    let envelope = [
        "EHLO RNP002673A1B2C3\r\n".to_owned(),
        format!("MAIL FROM: <{}>\r\n", plan.sender),
        format!("RCPT TO: <{}>\r\n", plan.recipient),
        "DATA\r\n".to_owned(),
        format!("{}\r\n.\r\n", plan.message.trim_end_matches('\n')),
    ];
    for words in envelope {
        stream.write_all(words.as_bytes()).await?;
        reply = read_reply(&mut stream).await?;
        if !reply.starts_with(['2', '3']) {
            break;
        }
    }
    stream.write_all(b"QUIT\r\n").await?;
    Ok(reply)
}

/// The last line of a reply.
async fn read_reply(stream: &mut BufReader<Box<dyn world::Stream>>) -> anyhow::Result<String> {
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            anyhow::bail!("the gate closed the connection");
        }
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(line.trim_end().to_owned());
        }
    }
}

/// Somebody without a grant tries to relay.
pub(super) struct Refusal {
    pub client: Ipv4Addr,
    pub sender: &'static str,
    pub recipient: &'static str,
    pub reply: String,
}

impl Refusal {
    /// Whether it was refused, and for good.
    pub(super) fn is_right(&self) -> bool {
        self.reply.starts_with("554 5.7.1 ")
    }
}

/// Tries to relay without a grant.
pub(super) async fn try_refused(house: &House, world: &World) -> anyhow::Result<Refusal> {
    // A sender of the copier, so that the explanation can say how near its grant is.
    let (sender, recipient) = ("scan-4f@devices.example.edu", "bob@gmail.com");
    let stream = world
        .net
        .connect(loopback(house.ports.relay), Some(IpAddr::V4(STRANGER)))
        .await?;
    let mut stream = BufReader::new(stream);
    let mut reply = read_reply(&mut stream).await?;
    for words in [
        "EHLO stranger\r\n".to_owned(),
        format!("MAIL FROM:<{sender}>\r\n"),
        format!("RCPT TO:<{recipient}>\r\n"),
    ] {
        stream.write_all(words.as_bytes()).await?;
        reply = read_reply(&mut stream).await?;
        if !reply.starts_with('2') {
            break;
        }
    }
    Ok(Refusal {
        client: STRANGER,
        sender,
        recipient,
        reply,
    })
}
