//! A name server of a test's own.
