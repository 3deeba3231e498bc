//! One target of `fuzz`, chosen by `FUZZ_TARGET`, driven by libFuzzer: what reaches new code is kept and changed further.
#![no_main]

use std::sync::OnceLock;

use fuzz::Target;
use libfuzzer_sys::fuzz_target;

static TARGET: OnceLock<&Target> = OnceLock::new();

fuzz_target!(|octets: &[u8]| {
    let target = TARGET.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
        fuzz::target(&name).expect("a target of this name")
    });
    (target.run)(octets);
});
