//! Each target on its corpus and on a fixed number of mutations of it: the same ones each time.
//!
//! `PROPTEST_CASES` asks for more, as `make long` does: four thousand are twice as many.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use fuzz::Target;
use fuzz::mutate::{Chance, mutate};
use rustix::process::{Resource, Rlimit, setrlimit};

/// Address space for a whole run: no input makes a reader ask for memory without bound.
const ADDRESS_SPACE_OCTETS: u64 = 4 << 30;

fn corpus(target: &Target) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let mut inputs: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{} has no corpus: {error}", target.name))
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                fs::read(&path).unwrap(),
            )
        })
        .collect();
    inputs.sort();
    inputs
}

fn run(target: &Target, input: &[u8], origin: &str) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
        eprintln!("{origin} of {}: {}", target.name, input.escape_ascii());
        resume_unwind(panic);
    }
}

/// Everything a bounded run does for one target.
fn bounded(name: &str) {
    let limit = Some(ADDRESS_SPACE_OCTETS);
    setrlimit(
        Resource::As,
        Rlimit {
            current: limit,
            maximum: limit,
        },
    )
    .unwrap();
    let target = fuzz::target(name).unwrap();
    let corpus = corpus(target);
    assert!(corpus.len() >= 3, "{name} has a corpus worth the name");
    for (file, input) in &corpus {
        run(target, input, file);
    }
    let asked: u32 = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(2000);
    let rounds = u64::from(target.bounded) * u64::from(asked.max(2000)) / 2000;
    let mut chance = Chance::new(0x5eed);
    for round in 0..rounds {
        let input = &corpus[chance.below(corpus.len())].1;
        let other = &corpus[chance.below(corpus.len())].1;
        let mutation = mutate(input, other, target.words, target.octets_max, &mut chance);
        run(target, &mutation, &format!("mutation {round}"));
    }
}

macro_rules! each {
    ($($test:ident $name:literal)*) => {
        $(#[test] fn $test() { bounded($name); })*

        #[test]
        fn no_target_is_left_out() {
            let here = [$($name),*];
            assert!(fuzz::TARGETS.iter().all(|target| here.contains(&target.name)));
        }
    };
}

each! {
    the_server_tells_the_same_story_however_its_octets_are_cut "server"
    the_client_survives_any_next_hop "client"
    commands_mean_what_another_reader_takes_them_for "oracle"
    the_header_scan_finds_the_same_however_it_is_fed "header"
    no_configuration_panics_and_each_error_has_its_place "config"
    proxy_headers_mean_the_same_whatever_follows "proxy"
    whatever_a_certificate_says_its_names_are_names_of_one_holder "certificate"
    what_strangers_say_adds_nothing_to_a_notice "notice"
    what_strangers_write_in_answer_to_a_letter_is_bounded "post"
    an_edited_ledger_is_found_out_and_gone_on_with "ledger"
    damage_costs_no_letter_that_lies_elsewhere "spool-damage"
    forged_records_panic_nobody "spool-forged"
    files_that_were_never_ours_panic_nobody "spool-noise"
}
