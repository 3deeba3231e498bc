//! The SMTP protocol, sans-IO.

pub mod client;
pub mod server;
