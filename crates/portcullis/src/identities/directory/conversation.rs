//! A connection to a directory: one request after the other, each with its answer.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

use super::DirectoryError;
use super::filter::Filter;
use super::message::{self, ANSWER_OCTETS_MAX, Answer, Bound, Reading};

/// Code of a search that found more than was asked for (RFC 4511 §A.1).
const SIZE_LIMIT_EXCEEDED: u8 = 4;

pub(super) struct Conversation<S> {
    stream: S,
    came: Vec<u8>,
    number: u8,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<S> {
    pub(super) const fn over(stream: S) -> Self {
        Self {
            stream,
            came: Vec::new(),
            number: 0,
        }
    }

    /// Asks to go on under TLS; the stream on which that begins.
    pub(super) async fn start_tls(mut self) -> Result<S, DirectoryError> {
        self.say(message::start_tls).await?;
        match self.hear().await? {
            // What was said before TLS is no part of what is said under it.
            Answer::Extended(0) if self.came.is_empty() => Ok(self.stream),
            Answer::Extended(0) => Err(DirectoryError::Nonsense),
            Answer::Extended(code) => Err(DirectoryError::Code(code)),
            _ => Err(DirectoryError::Nonsense),
        }
    }

    pub(super) async fn bind(&mut self, name: &[u8], password: &[u8]) -> Result<Bound, DirectoryError> {
        self.say(|number| message::bind(number, name, password)).await?;
        match self.hear().await? {
            Answer::Bound(bound) => Ok(bound),
            _ => Err(DirectoryError::Nonsense),
        }
    }

    /// The names of the entries that a filter finds; of more than two, two.
    pub(super) async fn search(
        &mut self,
        base: &str,
        filter: &Filter,
        login: &str,
    ) -> Result<Vec<Vec<u8>>, DirectoryError> {
        self.say(|number| message::search(number, base, &filter.about(login)))
            .await?;
        let mut found = Vec::new();
        loop {
            match self.hear().await? {
                Answer::Entry(name) if found.len() < 2 => found.push(name),
                Answer::Entry(_) | Answer::Reference => {}
                Answer::Done(0 | SIZE_LIMIT_EXCEEDED) => return Ok(found),
                Answer::Done(code) => return Err(DirectoryError::Code(code)),
                Answer::Bound(_) | Answer::Extended(_) => return Err(DirectoryError::Nonsense),
            }
        }
    }

    /// A polite end; whether it is heard does not matter.
    pub(super) async fn end(mut self) {
        let _ = self
            .stream
            .write_all(&message::unbind(self.number.wrapping_add(1)))
            .await;
        let _ = self.stream.shutdown().await;
    }

    async fn say(&mut self, request: impl FnOnce(u8) -> Vec<u8>) -> io::Result<()> {
        self.number += 1;
        let request = Zeroizing::new(request(self.number));
        self.stream.write_all(&request).await?;
        self.stream.flush().await
    }

    async fn hear(&mut self) -> Result<Answer, DirectoryError> {
        loop {
            match message::read(&self.came, self.number) {
                Reading::Whole(answer, octets) => {
                    self.came.drain(..octets);
                    return Ok(answer);
                }
                Reading::Nonsense => return Err(DirectoryError::Nonsense),
                Reading::More => {}
            }
            let mut part = (&mut self.stream).take(ANSWER_OCTETS_MAX as u64);
            if part.read_buf(&mut self.came).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }
}
