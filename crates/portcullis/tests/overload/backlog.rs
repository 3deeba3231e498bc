//! A queue that grows because nobody takes its mail.

use std::net::SocketAddr;

use tokio::io::{AsyncWriteExt, BufReader};

use crate::sender::{connect, heard};

/// Sessions that fill the queue.
const SESSIONS: usize = 20;

/// Puts so many messages into the queue; `to` names the recipient of each.
pub async fn fill(relay: SocketAddr, messages: usize, to: fn(usize) -> String) {
    let sessions: Vec<_> = (0..SESSIONS)
        .map(|first| tokio::spawn(session(relay, (first..messages).step_by(SESSIONS), to)))
        .collect();
    for session in sessions {
        session.await.unwrap().unwrap();
    }
}

async fn session(
    relay: SocketAddr,
    numbers: impl Iterator<Item = usize>,
    to: fn(usize) -> String,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(connect([127, 0, 0, 5], relay).await?);
    heard(&mut stream, "", "220").await?;
    heard(&mut stream, "EHLO load.example.edu\r\n", "250").await?;
    let letter = format!(
        "From: <billing@example.edu>\r\nSubject: a reminder\r\n\r\n{}\r\n.\r\n",
        "It is due. ".repeat(60)
    );
    for number in numbers {
        let envelope = format!(
            "MAIL FROM:<billing@example.edu>\r\nRCPT TO:<{}>\r\nDATA\r\n",
            to(number)
        );
        stream.write_all(envelope.as_bytes()).await?;
        for expected in ["250", "250", "354"] {
            heard(&mut stream, "", expected).await?;
        }
        heard(&mut stream, &letter, "250").await?;
    }
    heard(&mut stream, "QUIT\r\n", "221").await
}
