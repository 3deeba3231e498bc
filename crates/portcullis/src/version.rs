//! Which version this program is.

use std::hint::black_box;

/// As it stands in the file of the program, for whoever has only the file: `strings portcullis | grep version:`.
const STAMP: &str = concat!("portcullis-version:", env!("CARGO_PKG_VERSION"), ";");

/// The version, as operators and other gates are told.
#[must_use]
pub fn version() -> &'static str {
    // Read from where the stamp stands, so that the file of a program and the program never say two things.
    let stamp = black_box(STAMP);
    let version = stamp.split_once(':').map_or(stamp, |(_, version)| version);
    version.strip_suffix(';').unwrap_or(version)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_is_that_of_the_package() {
        assert_eq!(super::version(), env!("CARGO_PKG_VERSION"));
    }
}
