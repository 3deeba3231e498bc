//! `portcullis send`: one message, as a client would.

mod letter;
#[cfg(test)]
mod tests;

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use mail::{Domain, ForwardPath, Host, Mailbox, RcptParams, ReversePath, Timestamp};
use serde_json::{Value, json};
use smtp::client::{ClientConfig, Login, RecipientOutcome, TlsDemand, Transaction};
use smtp::server::Transport;
use wire::{Connection, Dial, Roots, TlsClient, Trust, Verified, WholeBody};
use world::World;
use zeroize::Zeroizing;

use super::say;
use crate::story::Printable;
use letter::{Letter, Written};

/// Arguments of `send`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Send one message to a server, as a client would, and print each recipient's answer.\n\nA login's \
        password is read from a file or from PORTCULLIS_PASSWORD, never from the command line, where others could \
        see it. It is said only under TLS, and only to a server whose certificate is valid (--ca and --verify say \
        for whom; --insecure does without).\n\nStatus 0: every recipient was taken. Status 1: some were not. Status \
        2: it could not be tried.",
    after_help = "Examples:\n  \
        portcullis send --server mail.example.edu:587 --from erp@example.edu --to bob@example.org \\\n      \
        --user erp --password-file erp.secret --subject 'A test' --body 'It works.'\n  \
        portcullis send --server 127.0.0.1:20025 --from '<>' --to postmaster@example.edu --file notice.eml"
)]
pub struct Args {
    /// The server, as host:port.
    #[arg(long, value_name = "HOST:PORT")]
    pub server: String,
    /// The envelope sender; <> for none.
    #[arg(long, value_name = "ADDRESS")]
    pub from: String,
    /// A recipient; may be said several times.
    #[arg(long, value_name = "ADDRESS", required = true)]
    pub to: Vec<String>,
    /// How the connection is protected; unless said: implicit on port 465, elsewhere STARTTLS where offered.
    #[arg(long, value_enum)]
    pub tls: Option<TlsChoice>,
    /// Authorities that are trusted, PEM, in place of the system's. The server's certificate must then be valid.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// The name the server's certificate must be valid for; the server's own unless said.
    #[arg(long, value_name = "NAME")]
    pub verify: Option<String>,
    /// Log in even where the certificate proves nothing.
    #[arg(long, conflicts_with_all = ["ca", "verify"])]
    pub insecure: bool,
    /// Log in as this user.
    #[arg(long, value_name = "LOGIN")]
    pub user: Option<String>,
    /// The file whose first line is the password; else PORTCULLIS_PASSWORD is read.
    #[arg(long, value_name = "FILE", requires = "user")]
    pub password_file: Option<PathBuf>,
    /// The subject.
    #[arg(
        long,
        value_name = "TEXT",
        conflicts_with = "file",
        default_value = "A message from portcullis send"
    )]
    pub subject: String,
    /// The text; `-` reads it from standard input.
    #[arg(
        long,
        value_name = "TEXT",
        conflicts_with = "file",
        default_value = "This is a test."
    )]
    pub body: String,
    /// A whole message with its headers, in place of subject and body; `-` reads it from standard input.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Send from this address of ours.
    #[arg(long, value_name = "ADDRESS")]
    pub source: Option<IpAddr>,
    /// What we call ourselves; our address unless said.
    #[arg(long, value_name = "NAME")]
    pub helo: Option<String>,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// How a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum TlsChoice {
    /// Not at all.
    None,
    /// With STARTTLS, or not sent.
    Starttls,
    /// From the first octet on.
    Implicit,
}

/// How long connecting may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);

/// Sends one message.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let json = args.json;
    let sent = tokio::runtime::Runtime::new()?.block_on(send(args, &World::real()))?;
    say(&if json {
        format!("{:#}\n", sent.to_json())
    } else {
        sent.to_text()
    });
    Ok(if sent.all_taken() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// What became of a message.
#[derive(Clone, Debug)]
struct Sent {
    server: SocketAddr,
    /// How the connection was protected, in words; empty where it was not.
    tls: String,
    answers: Vec<Told>,
    took: Duration,
}

/// One recipient's answer.
#[derive(Clone, Debug)]
struct Told {
    to: String,
    taken: bool,
    /// After which command, where it was refused.
    stage: String,
    code: Option<u16>,
    text: String,
}

async fn send(args: Args, world: &World) -> anyhow::Result<Sent> {
    let (host, port) = server(&args.server)?;
    let letter = read_letter(&args, world)?;
    let addresses = resolve(&host, port, args.source).await?;
    let began = world.clock.monotonic();
    let (mut connection, address) = open(&args, &host, &addresses, world).await?;
    let answers = deliver(&mut connection, &letter).await?;
    let tls = connection.tls().map_or_else(String::new, |tls| {
        let verified = match &tls.verified {
            Verified::Verified(name) => format!("verified as {name}"),
            Verified::Unverified(why) => format!("not verified: {why}"),
        };
        format!("{} {}, {verified}", tls.version, tls.cipher)
    });
    connection.quit().await;
    Ok(Sent {
        server: address,
        tls,
        answers,
        took: world.clock.monotonic().saturating_sub(began),
    })
}

/// `host:port`, `192.0.2.1:25`, `[2001:db8::1]:25`.
fn server(text: &str) -> anyhow::Result<(Host, u16)> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok((Host::Literal(address.ip()), address.port()));
    }
    let (host, port) = text
        .rsplit_once(':')
        .with_context(|| format!("`{text}` has no port; write it as host:port"))?;
    let port = port.parse().with_context(|| format!("`{port}` is no port"))?;
    // Names that only this machine knows, such as `localhost`, are as good here.
    let host = Domain::parse(host).with_context(|| format!("`{host}` is no host name"))?;
    Ok((Host::Domain(host), port))
}

async fn resolve(host: &Host, port: u16, source: Option<IpAddr>) -> anyhow::Result<Vec<SocketAddr>> {
    let found: Vec<SocketAddr> = match host {
        Host::Literal(address) => vec![SocketAddr::new(*address, port)],
        Host::Domain(name) => tokio::net::lookup_host((name.as_str(), port))
            .await
            .with_context(|| format!("{name} has no address"))?
            .collect(),
    };
    let fitting = |address: &SocketAddr| source.is_none_or(|source| source.is_ipv4() == address.is_ipv4());
    let fitting: Vec<SocketAddr> = found.into_iter().filter(fitting).collect();
    if fitting.is_empty() {
        bail!("{host} has no address that --source could speak to");
    }
    Ok(fitting)
}

/// Tries one address behind the other, as long as nobody answers.
async fn open(
    args: &Args,
    host: &Host,
    addresses: &[SocketAddr],
    world: &World,
) -> anyhow::Result<(Connection, SocketAddr)> {
    let mut dial = dial(args, host, world)?;
    let mut last = None;
    for address in addresses {
        dial.to = *address;
        if args.helo.is_none() {
            dial.client.hello = Host::Literal(args.source.or_else(|| own_address(*address)).unwrap_or(address.ip()));
        }
        match Connection::open(&*world.net, world.clock.clone(), &dial).await {
            Ok(connection) => return Ok((connection, *address)),
            Err(why @ (wire::ConnectionError::Connect(_) | wire::ConnectionError::ConnectTimeout)) => {
                last = Some((*address, why));
            }
            Err(why) => return Err(why).with_context(|| format!("{address} did not take the message")),
        }
    }
    match last {
        Some((address, why)) => Err(why).with_context(|| format!("{address} cannot be reached")),
        None => bail!("{host} has no address"),
    }
}

/// Which address of ours leads there. Choosing the peer of a datagram socket sends nothing.
fn own_address(to: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if to.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let socket = std::net::UdpSocket::bind((any, 0)).ok()?;
    socket.connect(to).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

fn dial(args: &Args, host: &Host, world: &World) -> anyhow::Result<Dial> {
    let (_, port) = server(&args.server)?;
    let login = login(args)?;
    let hello = match &args.helo {
        Some(name) => Host::parse(name).map_err(|_| anyhow::anyhow!("`{name}` is no name for --helo"))?,
        // Replaced once it is known where to.
        None => Host::Literal(IpAddr::from([127, 0, 0, 1])),
    };
    let mut client = ClientConfig::new(hello);
    let checks = args.ca.is_some() || args.verify.is_some() || (login.is_some() && !args.insecure);
    let implicit = args.tls == Some(TlsChoice::Implicit) || (args.tls.is_none() && port == 465);
    client.tls = match args.tls {
        Some(TlsChoice::None) => TlsDemand::Never,
        Some(TlsChoice::Starttls | TlsChoice::Implicit) => TlsDemand::Required,
        // Who asks for a valid certificate, or has a password to say, is not content with none.
        None if checks || login.is_some() => TlsDemand::Required,
        None => TlsDemand::Opportunistic,
    };
    if client.tls == TlsDemand::Never && (args.ca.is_some() || args.verify.is_some()) {
        bail!("--tls none leaves nothing for --ca or --verify to check");
    }
    let speaks_tls = client.tls != TlsDemand::Never;
    client.login = login;
    let roots = match &args.ca {
        Some(file) => Roots::none().load(file)?,
        None if checks && speaks_tls => Roots::system()?,
        // For the words about the certificate alone; without a store of authorities nothing is verified.
        None => Roots::system().unwrap_or_else(|_| Roots::none()),
    };
    let names = args
        .verify
        .iter()
        .map(|name| Domain::parse(name).with_context(|| format!("`{name}` is no host name")));
    let names = names.collect::<anyhow::Result<Vec<_>>>()?;
    Ok(Dial {
        to: SocketAddr::from(([0, 0, 0, 0], 0)),
        from: args.source,
        // The name that is verified is the one to ask for: servers choose their certificate by it.
        host: names
            .first()
            .map_or_else(|| host.clone(), |name| Host::Domain(name.clone())),
        transport: if implicit {
            Transport::ImplicitTls
        } else {
            Transport::Clear
        },
        client,
        tls: speaks_tls.then(|| TlsClient::new(roots, None, world.clock.clone())),
        trust: if checks {
            Trust::Verify { names }
        } else {
            Trust::Opportunistic
        },
        connect_timeout: CONNECT_WITHIN,
    })
}

fn login(args: &Args) -> anyhow::Result<Option<Login>> {
    let Some(user) = &args.user else { return Ok(None) };
    let password = match &args.password_file {
        Some(file) => {
            Zeroizing::new(std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?)
        }
        None => Zeroizing::new(
            std::env::var("PORTCULLIS_PASSWORD")
                .context("--user needs a password: name a --password-file, or set PORTCULLIS_PASSWORD")?,
        ),
    };
    let first_line = password.lines().next().unwrap_or_default();
    Ok(Some(Login::new(user, first_line)?))
}

fn read_letter(args: &Args, world: &World) -> anyhow::Result<Letter> {
    let address = |text: &str| Mailbox::parse(text).with_context(|| format!("`{text}` is no address"));
    let reverse = match args.from.as_str() {
        "" | "<>" => ReversePath::Null,
        text => ReversePath::Mailbox(address(text)?),
    };
    let recipients = args.to.iter().map(|text| Ok(ForwardPath::Mailbox(address(text)?)));
    let recipients = recipients.collect::<anyhow::Result<Vec<_>>>()?;
    let octets = match &args.file {
        Some(file) => letter::with_line_ends(&read_input(file)?),
        None => {
            let text = if args.body == "-" {
                read_input("-".as_ref())?
            } else {
                args.body.clone().into_bytes()
            };
            let written = Written {
                from: &reverse,
                to: &recipients,
                subject: &args.subject,
                text: &text,
                at: Timestamp(world.clock.wall()),
                number: world.rng.next_u64(),
            };
            written.octets()
        }
    };
    Ok(Letter {
        reverse,
        recipients,
        octets: octets.into(),
    })
}

fn read_input(from: &std::path::Path) -> anyhow::Result<Vec<u8>> {
    if from.as_os_str() == "-" {
        let mut octets = Vec::new();
        std::io::stdin()
            .lock()
            .read_to_end(&mut octets)
            .context("standard input cannot be read")?;
        return Ok(octets);
    }
    std::fs::read(from).with_context(|| format!("{} cannot be read", from.display()))
}

/// In as many transactions as the server's limit on recipients asks for.
async fn deliver(connection: &mut Connection, letter: &Letter) -> anyhow::Result<Vec<Told>> {
    let most = connection.extensions().rcpt_max.unwrap_or(usize::MAX);
    let mut answers = Vec::new();
    for some in letter.recipients.chunks(most.max(1)) {
        let transaction = Transaction {
            reverse: letter.reverse.clone(),
            recipients: some.iter().map(|path| (path.clone(), RcptParams::default())).collect(),
            params: letter.params(),
        };
        let outcome = match connection
            .deliver(transaction, &mut WholeBody::new(letter.octets.clone()))
            .await
        {
            Ok(outcome) => outcome.recipients,
            // Some already have it; the others are told apart from them.
            Err(why) if !answers.is_empty() => {
                let unsent = some.iter().map(|path| told(path, format!("not sent: {why}")));
                answers.extend(unsent);
                continue;
            }
            Err(why) => return Err(why.into()),
        };
        answers.extend(some.iter().zip(outcome).map(|(path, outcome)| answered(path, outcome)));
    }
    Ok(answers)
}

fn told(path: &ForwardPath, text: String) -> Told {
    Told {
        to: crate::story::bare(&path.to_string()),
        taken: false,
        stage: String::new(),
        code: None,
        text,
    }
}

fn answered(path: &ForwardPath, outcome: RecipientOutcome) -> Told {
    match outcome {
        RecipientOutcome::Delivered(reply) => Told {
            taken: true,
            code: Some(reply.code),
            ..told(path, reply.to_string())
        },
        RecipientOutcome::Refused(stage, reply) => Told {
            stage: stage.to_string(),
            code: Some(reply.code),
            ..told(path, reply.to_string())
        },
        RecipientOutcome::Unanswered(stage) => Told {
            stage: stage.to_string(),
            ..told(path, "no answer; the connection broke".to_owned())
        },
    }
}

impl Sent {
    fn all_taken(&self) -> bool {
        self.answers.iter().all(|answer| answer.taken)
    }

    fn to_text(&self) -> String {
        let tls = if self.tls.is_empty() { "no TLS" } else { &self.tls };
        let mut text = format!("{}, {tls}, {} ms\n", self.server, self.took.as_millis());
        for answer in &self.answers {
            let word = if answer.taken { "taken" } else { "REFUSED" };
            let stage = if answer.stage.is_empty() {
                String::new()
            } else {
                format!(" (at {})", answer.stage)
            };
            text.push_str(&format!(
                "  {word:<8} {}  {}{stage}\n",
                Printable(&answer.to),
                Printable(&answer.text)
            ));
        }
        text
    }

    fn to_json(&self) -> Value {
        let answers = self.answers.iter().map(|answer| {
            json!({
                "to": answer.to,
                "taken": answer.taken,
                "stage": (!answer.stage.is_empty()).then_some(&answer.stage),
                "code": answer.code,
                "text": answer.text,
            })
        });
        json!({
            "server": self.server.to_string(),
            "tls": (!self.tls.is_empty()).then_some(&self.tls),
            "took_ms": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
            "recipients": answers.collect::<Vec<_>>(),
        })
    }
}
