//! A commented example, for `portcullis config example`.

/// The text; a test checks that it reads without errors.
pub const EXAMPLE: &str = include_str!("example.toml");
