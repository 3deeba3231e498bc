//! One message along each way, and one that may not.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use ledger::Key;
use mail::MessageId;
use tokio::io::{AsyncWriteExt, BufReader};
use world::World;

use super::client::{read_reply, speak, speak_like_a_copier};
use super::house::{APPLICATION, COPIER, House, STRANGER, loopback};
use crate::gateway::Gateway;
use crate::sink;
use crate::story::tell;

/// How long a message may take to arrive before the demo says that it did not.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// How often the demo looks.
pub(super) const GLANCE: Duration = Duration::from_millis(5);

/// One way through the gate.
pub(super) struct Plan {
    pub title: &'static str,
    pub from_address: Ipv4Addr,
    pub port: u16,
    pub entry: Entry,
    pub sender: &'static str,
    pub recipient: &'static str,
    pub message: String,
    /// What must be in the message that arrives, byte for byte.
    pub intact: String,
    pub arrives_in: PathBuf,
}

/// How a client comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// STARTTLS, then a login.
    Submission(Credential),
    /// Implicit TLS, then a login.
    Submissions(Credential),
    /// The same as `Submission` through a load balancer, which says for whom it stands.
    Balanced(Ipv4Addr, Credential),
    /// Another server: STARTTLS, no login.
    Server,
    /// A device: in clear, without a login, ending its lines badly.
    Device,
}

/// A login and its secret.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credential {
    pub login: String,
    pub secret: String,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential")
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
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

/// A message as a program writes it.
pub(super) fn letter(from: &str, to: &str, subject: &str, text: &str) -> String {
    format!(
        "From: <{from}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n\
         Message-ID: <{subject}@example>\r\n\r\n{text}"
    )
}

fn plans(house: &House) -> Vec<Plan> {
    let ports = house.ports;
    let billing = || Credential {
        login: APPLICATION.to_owned(),
        secret: house.secret.clone(),
    };
    let invoice = "Dear customer,\r\n\r\n.a line that begins with a dot\r\nyour invoice is attached.\r\n";
    let reminder = "A reminder, by way of implicit TLS.\r\n";
    let greeting = "Hello from the other side of the border.\r\n";
    vec![
        Plan {
            title: "An application logs in on 587 and writes to a customer outside",
            from_address: Ipv4Addr::LOCALHOST,
            port: ports.submission,
            entry: Entry::Submission(billing()),
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
            entry: Entry::Submissions(billing()),
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

/// Sends one message along a way, and waits until it has arrived.
pub(super) async fn follow(plan: Plan, house: &House, gateway: &Gateway, world: &World) -> anyhow::Result<Way> {
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
