//! Clients of the demo: one that knows its protocol, directly or through a load balancer, and a copier that does not.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use mail::{BodyType, Domain, ForwardPath, Host, MailParams, Mailbox, RcptParams, ReversePath};
use smtp::client::{ClientConfig, Login, RecipientOutcome, TlsDemand, Transaction};
use smtp::server::Transport;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use wire::{Connection, Dial, Roots, TlsClient, Trust, WholeBody};
use world::{BoxFuture, Listener, Net, Stream, World};

use super::house::{House, loopback};
use super::ways::{Entry, PATIENCE, Plan};

/// A load balancer between a client and the gate: it says in a PROXY line for whom it connects.
struct Balancer {
    net: Arc<dyn Net>,
    client: Ipv4Addr,
}

impl Net for Balancer {
    fn listen(&self, at: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Listener>>> {
        self.net.listen(at)
    }

    fn connect(&self, to: SocketAddr, from: Option<IpAddr>) -> BoxFuture<'_, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            let mut stream = self.net.connect(to, from).await?;
            let line = format!("PROXY TCP4 {} 10.0.0.1 40000 {}\r\n", self.client, to.port());
            stream.write_all(line.as_bytes()).await?;
            Ok(stream)
        })
    }
}

/// A client that knows its protocol.
pub(super) async fn speak(plan: &Plan, house: &House, world: &World) -> anyhow::Result<String> {
    let mut client = ClientConfig::new(Host::Domain(Domain::parse("client.example.com")?));
    client.tls = TlsDemand::Required;
    if let Entry::Submission(with) | Entry::Submissions(with) | Entry::Balanced(_, with) = &plan.entry {
        client.login = Some(Login::new(&with.login, &with.secret)?);
    }
    let dial = Dial {
        to: loopback(plan.port),
        from: Some(IpAddr::V4(plan.from_address)),
        host: Host::Domain(Domain::parse("gate.example.edu")?),
        transport: match plan.entry {
            Entry::Submissions(_) => Transport::ImplicitTls,
            _ => Transport::Clear,
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
    let balanced;
    let net: &dyn Net = match plan.entry {
        Entry::Balanced(client, _) => {
            balanced = Balancer {
                net: world.net.clone(),
                client,
            };
            &balanced
        }
        _ => &*world.net,
    };
    let mut connection = Connection::open(net, world.clock.clone(), &dial).await?;
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
pub(super) async fn speak_like_a_copier(plan: &Plan, world: &World) -> anyhow::Result<String> {
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
pub(super) async fn read_reply(stream: &mut BufReader<Box<dyn world::Stream>>) -> anyhow::Result<String> {
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
