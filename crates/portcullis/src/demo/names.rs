//! The names of the demo's world. It asks no name service: everything is on loopback.

use dns::Literal;
use mail::Domain;

use super::house::SCANNER;

/// The scanner, whose name and address point at each other.
pub(super) fn names() -> anyhow::Result<Literal> {
    let scanner = Domain::parse("scanner.example.edu")?;
    Ok(Literal::new()
        .with_address(scanner.clone(), SCANNER.into())
        .with_ptr(SCANNER.into(), scanner))
}
