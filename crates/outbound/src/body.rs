//! The octets of a queued message on their way to a next hop.

use bytes::Bytes;
use spool::{Body, Dispatch, Lease};
use wire::{BodyError, BodySource};
use world::BoxFuture;

/// Octets of a message that is converted to 7 bits at most: conversion needs all of it in memory.
pub(crate) const CONVERTED_OCTETS_MAX: u64 = 64 << 20;
/// Octets of a header that a notice looks at.
const HEADER_OCTETS_MAX: usize = 32 * 1024;
/// Octets of a message that a notice carries whole at most.
const RETURNED_OCTETS_MAX: u64 = 64 * 1024;

/// A stored message, read piece by piece.
pub(crate) struct Stored(Body);

impl BodySource for Stored {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, BodyError>> {
        Box::pin(async { self.0.chunk().await.map_err(|error| unreadable(&error)) })
    }
}

fn unreadable(error: &spool::BodyError) -> BodyError {
    BodyError {
        why: error.to_string().into(),
    }
}

/// Opens the message to be streamed.
pub(crate) async fn stored(dispatch: &Dispatch, lease: &Lease) -> Result<Stored, BodyError> {
    dispatch
        .open(lease)
        .await
        .map(Stored)
        .map_err(|error| unreadable(&error))
}

/// The whole message; only for those known to be small enough.
pub(crate) async fn whole(dispatch: &Dispatch, lease: &Lease) -> Result<Vec<u8>, BodyError> {
    let mut body = stored(dispatch, lease).await?;
    let mut octets = Vec::with_capacity(usize::try_from(lease.octets.min(CONVERTED_OCTETS_MAX)).unwrap_or(0));
    while let Some(piece) = body.next().await? {
        octets.extend_from_slice(&piece);
    }
    Ok(octets)
}

/// What a notice shows of the message.
#[derive(Default)]
pub(crate) struct Excerpt {
    /// The header, without the blank line.
    pub(crate) header: Vec<u8>,
    /// All of it, where that was wanted and it is small.
    pub(crate) full: Option<Vec<u8>>,
}

/// Reads what a notice shows. What cannot be read is not shown: the notice matters more.
pub(crate) async fn excerpt(dispatch: &Dispatch, lease: &Lease, wants_full: bool) -> Excerpt {
    if wants_full && lease.octets <= RETURNED_OCTETS_MAX {
        let Ok(full) = whole(dispatch, lease).await else {
            return Excerpt::default();
        };
        let header = full
            .get(..header_end(&full).unwrap_or(full.len()))
            .unwrap_or_default()
            .to_vec();
        return Excerpt {
            header,
            full: Some(full),
        };
    }
    let Ok(mut body) = stored(dispatch, lease).await else {
        return Excerpt::default();
    };
    let mut header = Vec::new();
    while header_end(&header).is_none() && header.len() < HEADER_OCTETS_MAX {
        match body.next().await {
            Ok(Some(piece)) => header.extend_from_slice(&piece),
            Ok(None) => break,
            Err(_) => return Excerpt::default(),
        }
    }
    let end = header_end(&header).unwrap_or_else(|| last_line_end(&header, HEADER_OCTETS_MAX));
    header.truncate(end);
    Excerpt { header, full: None }
}

/// Where the header ends, its last line end included.
fn header_end(text: &[u8]) -> Option<usize> {
    if text.starts_with(b"\r\n") {
        return Some(0);
    }
    text.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 2)
}

fn last_line_end(text: &[u8], most: usize) -> usize {
    let head = text.get(..most.min(text.len())).unwrap_or_default();
    head.iter().rposition(|octet| *octet == b'\n').map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_ends_before_its_blank_line() {
        assert_eq!(header_end(b"A: b\r\n\r\nbody"), Some(6));
        assert_eq!(header_end(b"\r\nbody"), Some(0));
        assert_eq!(header_end(b"A: b\r\nC: d\r\n"), None);
        assert_eq!(last_line_end(b"A: b\r\nC: d", 100), 6);
        assert_eq!(last_line_end(b"A: b", 2), 0);
    }
}
