use super::inside::HOUSEHOLDS_MAX;
use super::*;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn config(limits: ClientLimits) -> DoorsConfig {
    DoorsConfig {
        default: limits,
        ..DoorsConfig::default()
    }
}

#[test]
fn an_address_has_so_many_places_and_gets_them_back() {
    let config = config(ClientLimits {
        connections: 2,
        ..ClientLimits::default()
    });
    let doors = Doors::default();
    let client = [192, 0, 2, 1].into();
    let first = doors
        .enter(&config, client, Standing::Stranger, Duration::ZERO)
        .unwrap();
    let _second = doors
        .enter(&config, client, Standing::Stranger, Duration::ZERO)
        .unwrap();
    assert_eq!(
        doors.enter(&config, client, Standing::Stranger, Duration::ZERO).err(),
        Some(TurnedAway::Client)
    );
    assert!(
        doors
            .enter(&config, [192, 0, 2, 2].into(), Standing::Stranger, Duration::ZERO)
            .is_ok()
    );
    drop(first);
    assert!(doors.enter(&config, client, Standing::Stranger, Duration::ZERO).is_ok());
}

#[test]
fn an_ipv6_household_is_counted_together() {
    let config = config(ClientLimits {
        connections_per_64: 2,
        ..ClientLimits::default()
    });
    let doors = Doors::default();
    let at = |host: &str| doors.enter(&config, host.parse().unwrap(), Standing::Stranger, Duration::ZERO);
    let _places = (at("2001:db8::1").unwrap(), at("2001:db8::2").unwrap());
    assert_eq!(at("2001:db8::3").err(), Some(TurnedAway::Client));
    assert!(at("2001:db8:0:1::3").is_ok());
}

#[test]
fn knocking_too_often_is_turned_away_for_a_while() {
    let config = config(ClientLimits {
        connections_per_minute: 3,
        ..ClientLimits::default()
    });
    let doors = Doors::default();
    let client = [192, 0, 2, 1].into();
    for _ in 0..3 {
        assert!(doors.enter(&config, client, Standing::Stranger, Duration::ZERO).is_ok());
    }
    assert_eq!(
        doors.enter(&config, client, Standing::Stranger, Duration::ZERO).err(),
        Some(TurnedAway::Knocking)
    );
    assert!(
        doors
            .enter(&config, client, Standing::Stranger, Duration::from_secs(180))
            .is_ok()
    );
    assert_eq!(doors.sessions(), 0);
}

#[test]
fn a_crush_of_households_is_forgotten_rather_than_kept() {
    let config = config(ClientLimits::default());
    let doors = Doors::default();
    let staying = doors
        .enter(&config, [192, 0, 2, 1].into(), Standing::Stranger, Duration::ZERO)
        .unwrap();
    for number in 0..=u128::try_from(HOUSEHOLDS_MAX).unwrap() {
        let client = std::net::Ipv6Addr::from((0x2001_0db8 << 96) | (number << 64));
        drop(doors.enter(&config, client.into(), Standing::Stranger, Duration::ZERO));
    }
    assert!(doors.0.inside.lock().households.len() < HOUSEHOLDS_MAX);
    assert!(doors.0.inside.lock().addresses.len() == 1 && staying.message(60, Duration::ZERO));
}

#[test]
fn the_house_has_a_last_place_and_exceptions_have_rules_of_their_own() {
    let mut config = config(ClientLimits {
        connections: 1,
        ..ClientLimits::default()
    });
    config.sessions = 2;
    config.overrides = vec![(
        "127.0.0.0/8".parse().unwrap(),
        ClientLimits {
            connections: 100,
            ..ClientLimits::default()
        },
    )];
    let doors = Doors::default();
    let home = [127, 0, 0, 1].into();
    let _places = (
        doors.enter(&config, home, Standing::Stranger, Duration::ZERO).unwrap(),
        doors.enter(&config, home, Standing::Stranger, Duration::ZERO).unwrap(),
    );
    assert_eq!(
        doors.enter(&config, home, Standing::Stranger, Duration::ZERO).err(),
        Some(TurnedAway::House)
    );
}

#[test]
fn strangers_never_take_the_last_places() {
    let mut config = config(ClientLimits {
        connections: 100,
        ..ClientLimits::default()
    });
    config.sessions = 20;
    let doors = Doors::default();
    let enter = |standing| doors.enter(&config, [192, 0, 2, 1].into(), standing, Duration::ZERO);
    let mut places: Vec<Place> = (0..18).map(|_| enter(Standing::Stranger).unwrap()).collect();
    assert_eq!(enter(Standing::Stranger).err(), Some(TurnedAway::House));
    places.extend((0..2).map(|_| enter(Standing::Known).unwrap()));
    assert_eq!(enter(Standing::Known).err(), Some(TurnedAway::House));
}

#[test]
fn only_so_many_are_told_at_once_why_they_cannot_come_in() {
    let (doors, config) = (Doors::default(), DoorsConfig::default());
    let told: Vec<_> = std::iter::repeat_with(|| doors.explain(&config))
        .map_while(|one| one)
        .collect();
    assert_eq!(told.len(), config.asides() as usize);
    assert!(doors.look_up(&config).is_some(), "look-ups are counted by themselves");
    drop(told);
    assert!(doors.explain(&config).is_some());
}

#[test]
fn what_a_storm_of_households_needed_is_given_back_behind_it() {
    let (doors, config) = (Doors::default(), DoorsConfig::default());
    let enter = |number: u32, now| {
        let client = std::net::Ipv4Addr::from(0xc612_0000 + number).into();
        doors.enter(&config, client, Standing::Stranger, now).unwrap()
    };
    let guesser = enter(0, Duration::ZERO);
    for _ in 0..20 {
        guesser.bad_recipient(Duration::ZERO);
    }
    drop(guesser);
    for number in 1..50_000 {
        drop(enter(number, Duration::ZERO));
    }
    let _later = enter(50_000, MINUTE * 3);
    let inside = doors.0.inside.lock();
    assert_eq!(inside.households.len(), 2, "who came, and who guessed within the hour");
    assert!(inside.households.capacity() < 100, "{}", inside.households.capacity());
}

#[test]
fn a_crowd_is_shown_until_there_is_room_again() {
    let mut config = config(ClientLimits {
        connections: 100,
        ..ClientLimits::default()
    });
    config.sessions = 20;
    let doors = Doors::default();
    let crowd = doors.crowd();
    let enter = || doors.enter(&config, [192, 0, 2, 1].into(), Standing::Stranger, Duration::ZERO);
    let mut places: Vec<Place> = (0..15).map(|_| enter().unwrap()).collect();
    assert_eq!(crowd.pace(), Pace::Usual);
    places.push(enter().unwrap());
    assert_eq!(crowd.pace(), Pace::Hurried);
    places.truncate(14);
    assert_eq!(crowd.pace(), Pace::Hurried, "it does not come and go with each client");
    places.truncate(13);
    assert_eq!(crowd.pace(), Pace::Usual);
}

#[test]
fn guessing_recipients_is_noticed_and_forgotten() {
    let config = config(ClientLimits {
        bad_recipients_per_hour: 2,
        ..ClientLimits::default()
    });
    let limits = config.default;
    let place = Doors::default()
        .enter(&config, [192, 0, 2, 1].into(), Standing::Stranger, Duration::ZERO)
        .unwrap();
    for _ in 0..3 {
        place.bad_recipient(Duration::ZERO);
    }
    assert!(place.is_guessing(&limits, Duration::ZERO));
    assert!(!place.is_guessing(&limits, HOUR * 3));
}

#[test]
fn the_rate_of_messages_is_per_client() {
    let config = config(ClientLimits {
        messages_per_minute: 1,
        ..ClientLimits::default()
    });
    let limits = config.default;
    let place = Doors::default()
        .enter(&config, [192, 0, 2, 1].into(), Standing::Stranger, Duration::ZERO)
        .unwrap();
    assert!(place.message(limits.messages_per_minute, Duration::ZERO));
    assert!(!place.message(limits.messages_per_minute, Duration::ZERO));
    assert!(place.message(limits.messages_per_minute, MINUTE * 3));
}

#[test]
fn the_rate_of_messages_is_per_ipv6_household() {
    let config = config(ClientLimits {
        messages_per_minute: 1,
        ..ClientLimits::default()
    });
    let limits = config.default;
    let doors = Doors::default();
    let at = |host: &str| {
        doors
            .enter(&config, host.parse().unwrap(), Standing::Stranger, Duration::ZERO)
            .unwrap()
    };
    assert!(at("2001:db8::1").message(limits.messages_per_minute, Duration::ZERO));
    assert!(!at("2001:db8::2").message(limits.messages_per_minute, Duration::ZERO));
    assert!(at("2001:db8:0:1::1").message(limits.messages_per_minute, Duration::ZERO));
}
