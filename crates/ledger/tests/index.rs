//! The index: with it the same is found as without it, whatever becomes of it, and little is read.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod house;

use std::path::Path;

use house::{DIR, House, accepted, delivered, refused};
use ledger::{Config, Event, Indexed, Key, Line, Reader, Writer, index, open};
use mail::{EventId, MessageId, SessionId};
use world::Disk;

const EACH: u64 = 200;

/// A ledger of several files: each message accepted, delivered, and one refused beside it; every fiftieth from elsewhere.
async fn several_files() -> House {
    let house = House::new();
    let config = Config {
        file_octets: 60 << 10,
        ..Config::new(DIR)
    };
    let opening = open(config, &house.world, Writer::Task).unwrap();
    for number in 1..=EACH {
        let mut facts = accepted(number);
        if number % 50 == 0 {
            facts.origin.client = "10.99.0.1".parse().unwrap();
            facts.origin.login = Some("Erp".into());
            facts.origin.grant = Some("erp".into());
            facts.from = "<Billing@Example.EDU>".into();
            facts.message_id = Some(format!("<{number}@erp.example.edu>").as_str().into());
        }
        opening.ledger.record(Event::Accepted(Box::new(facts))).await;
        opening.ledger.record(delivered(number)).await;
        opening.ledger.record(refused(EACH + number)).await;
        opening.ledger.flush().await;
    }
    opening.closer.close().await.unwrap();
    house
}

fn keys() -> Vec<Key> {
    vec![
        Key::Message(MessageId::new(7)),
        Key::Message(MessageId::new(EACH)),
        Key::Message(MessageId::new(EACH + 1)),
        Key::Event(EventId::new(EACH + 3)),
        Key::Session(SessionId::new(5)),
        Key::Source("10.99.0.1".parse().unwrap()),
        Key::Source("10.99.0.2".parse().unwrap()),
        Key::Grant("erp".into()),
        Key::Grant("copier-3f".into()),
        Key::Login("eRP".into()),
        Key::Address("billing@example.edu".into()),
        Key::Address("BOB@gmail.example".into()),
        Key::MessageId("150@erp.example.edu".into()),
        Key::MessageId("absent@\"odd\\".into()),
    ]
}

fn answers(house: &House) -> Vec<(Vec<Line>, Vec<Line>)> {
    answers_to(house, &keys())
}

fn answers_to(house: &House, keys: &[Key]) -> Vec<(Vec<Line>, Vec<Line>)> {
    let reader = Reader::new(house.world.disk.clone(), DIR);
    let answer = |key: &Key| (reader.events_of(key).unwrap(), reader.last_of(key, 3).unwrap());
    keys.iter().map(answer).collect()
}

fn indexes(house: &House) -> Vec<String> {
    let names = house.disk.list(Path::new(DIR)).unwrap();
    let names = names.iter().map(|name| name.to_str().unwrap().to_owned());
    names.filter(|name| name.ends_with(".index")).collect()
}

#[tokio::test(start_paused = true)]
async fn with_the_index_the_same_is_found_as_without_it() {
    let house = several_files().await;
    let plain = answers(&house);
    let found: Vec<(usize, usize)> = plain.iter().map(|(all, last)| (all.len(), last.len())).collect();
    let (all, many) = (3 * EACH as usize, EACH as usize);
    assert_eq!(all / 3, many);
    assert_eq!(
        found,
        [
            (2, 2),
            (2, 2),
            (0, 0),
            (1, 1),
            (1, 1),
            (4, 3),
            (0, 0),
            (4, 3),
            (2 * many, 3),
            (4, 3),
            (4, 3),
            (many, 3),
            (1, 1),
            (0, 0)
        ]
    );
    let done = index(&house.disk, Path::new(DIR)).unwrap();
    assert!(done.built > 3 && done.kept == 0 && done.removed == 0, "{done:?}");
    assert_eq!(indexes(&house).len() as u64, done.built);
    assert_eq!(answers(&house), plain);
    assert!(house.verify().broken.is_empty());
    let again = index(&house.disk, Path::new(DIR)).unwrap();
    assert_eq!((again.kept, again.built), (done.built, 0));
}

#[tokio::test(start_paused = true)]
async fn an_index_that_does_not_fit_is_not_believed_and_is_written_anew() {
    let house = several_files().await;
    let some = [keys().swap_remove(0), keys().swap_remove(5), keys().swap_remove(10)];
    let plain = answers_to(&house, &some);
    let whole = index(&house.disk, Path::new(DIR)).unwrap();
    let name = indexes(&house).swap_remove(1);
    let sound = house.disk.contents(&house.path(&name)).unwrap();
    let (head, entries) = (4184, sound.len() - 4184);
    for at in [0, 9, 20, 60, 4160, head + entries / 2, sound.len() - 1] {
        let mut damaged = sound.clone();
        damaged[at] ^= 1;
        house.rewrite(&name, &damaged);
        assert_eq!(answers_to(&house, &some), plain, "octet {at}");
    }
    for len in [0, 100, head, head + entries / 2] {
        house.rewrite(&name, &sound[..len]);
        assert_eq!(answers_to(&house, &some), plain, "cut at {len}");
    }
    house.rewrite(&name, &sound[..head - 1]);
    let mended = index(&house.disk, Path::new(DIR)).unwrap();
    assert_eq!((mended.built, mended.kept), (1, whole.built - 1));
    assert_eq!(house.disk.contents(&house.path(&name)).unwrap(), sound);

    // The index of another file, under this one's name.
    let other = house.disk.contents(&house.path(&indexes(&house)[0])).unwrap();
    house.rewrite(&name, &other);
    assert_eq!(answers_to(&house, &some), plain);
    let stray = "2020-01-01.gate.0000.index";
    house.disk.open(&house.path(stray), world::OpenMode::CreateNew).unwrap();
    let mended = index(&house.disk, Path::new(DIR)).unwrap();
    assert_eq!(
        mended,
        Indexed {
            built: 1,
            kept: whole.built - 1,
            removed: 1
        }
    );
}
