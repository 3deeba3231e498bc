//! The command's end of the control socket.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::{Asked, Request};

/// How long a gateway may think about one line. A ledger of years is read in less.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a gateway answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Items, one by one.
    pub items: Vec<Value>,
    /// The last word.
    pub done: Value,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody there.
    #[error("no gateway runs here: nobody answers at {}; start one with `portcullis serve`", .0.display())]
    Nobody(PathBuf),
    /// Not ours to ask.
    #[error("{} is not yours to use; ask as the user the gateway runs as, or as root", .0.display())]
    Forbidden(PathBuf),
    /// The gateway said no, and why.
    #[error("{0}")]
    Refused(String),
    /// The connection broke.
    #[error("the gateway at {} could not be asked: {}", .0.display(), .1)]
    Broken(PathBuf, io::Error),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum AnswerLine {
    Item(Value),
    Done(Value),
    Refused(String),
}

/// Asks the gateway that listens at `socket`. Blocks.
///
/// # Errors
/// See [`AskError`].
pub fn ask(socket: &Path, asked: Asked) -> Result<Answer, AskError> {
    let mut stream = UnixStream::connect(socket).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AskError::Nobody(socket.to_owned()),
        io::ErrorKind::PermissionDenied => AskError::Forbidden(socket.to_owned()),
        _ => AskError::Broken(socket.to_owned(), error),
    })?;
    converse(&mut stream, asked).map_err(|error| AskError::Broken(socket.to_owned(), error))?
}

fn converse(stream: &mut UnixStream, asked: Asked) -> io::Result<Result<Answer, AskError>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(&Request {
        operator: operator(),
        asked,
    })?;
    line.push(b'\n');
    stream.write_all(&line)?;
    read(BufReader::new(stream))
}

/// Reads the lines of one answer.
pub(super) fn read(lines: impl BufRead) -> io::Result<Result<Answer, AskError>> {
    let mut answer = Answer::default();
    for line in lines.lines() {
        match serde_json::from_str(&line?)? {
            AnswerLine::Item(item) => answer.items.push(item),
            AnswerLine::Done(done) => {
                answer.done = done;
                return Ok(Ok(answer));
            }
            AnswerLine::Refused(why) => return Ok(Err(AskError::Refused(why))),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "it closed before it was done; is it stopping?",
    ))
}

/// Who sits at the keyboard, also behind sudo.
fn operator() -> Option<String> {
    ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|who| !who.is_empty()))
}
