//! The SMTP protocol, server and client, sans-IO.
//!
//! Responsible for: framing, grammar, the order of commands, the extensions and their limits, timers, and the words of
//! refusals that need no judgement. Octets, answers and instants come in; octets, questions and events go out.
//!
//! Refuses to know: sockets, TLS, clocks, logs, randomness, who may send what to whom, and where a message is kept. The
//! server raises a [`Question`](server::Question) for each of these and waits for the [`Answer`](server::Answer).
//!
//! The letter goes next through `wire`, which moves the octets, to whoever answers the questions: `inbound` for
//! [`server`], `outbound` for [`client`].
//!
//! # The server's dialogue
//!
//! ```text
//!            Connecting ──Connect?──▶ Greeting ──banner──▶ Command ◀─────────────────────────────┐
//!                │                       │                  │  │                                 │
//!              refused             early talker             │  ├─ EHLO HELO ──Hello?─────────────┤
//!                │                       │                  │  ├─ MAIL ──Sender?─────────────────┤
//!                ▼                       ▼                  │  ├─ RCPT ──Recipient?──────────────┤
//!             Closing ◀── fatal violation, 421, QUIT, eof ──┤  ├─ RSET NOOP VRFY HELP ───────────┤
//!                ▲                                          │  ├─ line too long ─▶ SkippingLine ─┤
//!                │                                          │  ├─ STARTTLS ─▶ Handshake ─────────┤
//!                │                                          │  ├─ AUTH ──Auth?─▶ AuthResponse ───┤
//!                │                                          │  ├─ DATA ──BodyBegin?─▶ Data ──BodyEnd?┤
//!                └── timers, in every state but Connecting ─┘  └─ BDAT ──BodyBegin?─▶ Chunk ──BodyEnd?┘
//!                                                                     └─ refused ─▶ SwallowingChunk ─▶ Command
//! ```
//!
//! A name with a question mark is a question: nothing moves until it is answered. Three conditions stand beside the state:
//! the session (greeted, under TLS, authenticated), the transaction (from an accepted MAIL to the end of its body, RSET or
//! EHLO) and the count of errors.

pub mod client;
pub mod server;

mod command;
mod reply;
