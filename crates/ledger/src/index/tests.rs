use std::path::Path;

use world::sim::disk::SimDisk;
use world::{Disk, OpenMode};

use super::build::build;

const DIR: &str = "/ledger";
const NAME: &str = "2026-11-21.gate.0000.jsonl";

#[test]
fn a_long_file_that_is_read_in_several_goes_has_the_same_index() {
    let disk = SimDisk::new();
    disk.create_dir(Path::new(DIR)).unwrap();
    let file = disk.open(&Path::new(DIR).join(NAME), OpenMode::CreateNew).unwrap();
    let lines = crate::known::tests::lines(0);
    file.write_at(0, &[&lines]).unwrap();
    let at = Path::new(DIR).join("2026-11-21.gate.0000.index");
    let indexes = [u64::MAX, 2 << 20].map(|pass_octets| {
        assert!(build(&disk, Path::new(DIR), NAME, file.as_ref(), pass_octets).unwrap());
        disk.contents(&at).unwrap()
    });
    assert!(indexes[0].len() > super::ENTRIES_AT, "there is something in it");
    assert!(indexes.iter().all(|index| *index == indexes[0]));
}
