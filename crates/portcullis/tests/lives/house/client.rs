//! A client of mail that stays: one session, in which a test says what it wants and hears what it is answered.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::peers::{PATIENCE, eventually};

/// A session.
pub struct Client {
    stream: Option<BufReader<Stream>>,
}

enum Stream {
    Clear(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Read for Stream {
    fn read(&mut self, octets: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.read(octets),
            Self::Tls(stream) => stream.read(octets),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.write(octets),
            Self::Tls(stream) => stream.write(octets),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Clear(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

impl Client {
    /// Connected through the proxy, which says that the client is at `from`.
    pub(super) fn greeted(port: u16, from: IpAddr) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let mut client = Self {
            stream: Some(BufReader::new(Stream::Clear(stream))),
        };
        client.says(&format!("PROXY TCP4 {from} 10.0.0.1 40000 25\r\n"));
        client.expects("220");
        client.ask("EHLO device", "250");
        client
    }

    /// `shown`: a chain and its key, in PEM.
    pub(super) fn start_tls(&mut self, ca: &Path, shown: Option<&(String, String)>) {
        self.ask("STARTTLS", "220");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
        let config = ClientConfig::builder().with_root_certificates(roots);
        let config = match shown {
            None => config.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).map(Result::unwrap);
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                config.with_client_auth_cert(chain.collect(), key).unwrap()
            }
        };
        let name = ServerName::try_from("mail.example.edu").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let Stream::Clear(stream) = self.stream.take().unwrap().into_inner() else {
            panic!("it is under TLS already");
        };
        self.stream = Some(BufReader::new(Stream::Tls(Box::new(StreamOwned::new(
            connection, stream,
        )))));
        self.ask("EHLO device", "250");
    }

    fn stream(&mut self) -> &mut BufReader<Stream> {
        self.stream.as_mut().unwrap()
    }

    fn says(&mut self, text: &str) {
        let stream = self.stream().get_mut();
        stream.write_all(text.as_bytes()).unwrap();
        stream.flush().unwrap();
    }

    fn hears(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let begin = reply.len();
            let octets = self.stream().read_line(&mut reply).unwrap();
            if octets == 0 || reply.as_bytes().get(begin + 3) != Some(&b'-') {
                return reply.trim_end().to_owned();
            }
        }
    }

    fn expects(&mut self, start: &str) -> String {
        let reply = self.hears();
        assert!(reply.starts_with(start), "{reply:?} is not {start}");
        reply
    }

    /// Says a line; the answer.
    pub fn say(&mut self, line: &str) -> String {
        self.says(&format!("{line}\r\n"));
        self.hears()
    }

    /// Says a line that is answered so; the answer.
    pub fn ask(&mut self, line: &str, start: &str) -> String {
        let reply = self.say(line);
        assert!(reply.starts_with(start), "{line}: {reply:?} is not {start}");
        reply
    }

    /// Logs in with a secret; the answer.
    pub fn log_in(&mut self, login: &str, secret: &str) -> String {
        self.say(&format!(
            "AUTH PLAIN {}",
            STANDARD.encode(format!("\0{login}\0{secret}"))
        ))
    }

    /// Logs in with a token (RFC 7628); the answer, behind the details of a refusal.
    pub fn log_in_by_token(&mut self, login: &str, token: &str) -> String {
        let initial = format!("n,a={login},\x01auth=Bearer {token}\x01\x01");
        let reply = self.say(&format!("AUTH OAUTHBEARER {}", STANDARD.encode(initial)));
        match reply.starts_with("334") {
            true => self.say("AQ=="),
            false => reply,
        }
    }

    /// Offers a message; the answer to its end, or to the line that was refused. The session can be used again.
    pub fn send(&mut self, from: &str, to: &str, message: &str) -> String {
        for line in [&*format!("MAIL FROM:<{from}>"), &format!("RCPT TO:<{to}>"), "DATA"] {
            let reply = self.say(line);
            if !reply.starts_with(['2', '3']) {
                self.ask("RSET", "250");
                return reply;
            }
        }
        self.say(&format!("{message}."))
    }

    /// The same with a message of one line from that sender, which is taken.
    pub fn delivers(&mut self, from: &str, to: &str, subject: &str) {
        let reply = self.send(from, to, &note(from, subject));
        assert!(reply.starts_with("250"), "{subject}: {reply}");
    }

    /// Asks with MAIL until it is answered so: a change is live seconds later, in this very session.
    pub fn is_answered(&mut self, from: &str, start: &str) -> String {
        eventually(&format!("{from} to be answered {start}"), || {
            let reply = self.say(&format!("MAIL FROM:<{from}>"));
            self.ask("RSET", "250");
            reply.starts_with(start).then_some(reply)
        })
    }
}

/// A message of one line.
pub fn note(from: &str, subject: &str) -> String {
    format!("From: <{from}>\r\nSubject: {subject}\r\n\r\nHello.\r\n")
}
