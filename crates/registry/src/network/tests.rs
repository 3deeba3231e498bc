use super::*;

const REGISTER: &str = "ip,mac,fqdn,type,zone,owner,department,registered_until\n\
    10.1.2.3,00:00:5e:00:53:01,copier.example.edu,static,MOD,Ann,Chemistry,2026-12-31\n\
    10.1.2.4,00:00:5e:00:53:02,scanner.example.edu.,static-dhcp,MOD,,,\n\
    10.1.2.5,,laptop.example.edu,dynamic,LAN,,,\n\
    2001:db8::5,0000.5e00.5305,ups.example.edu,static,,,,2027-01-01T00:00:00Z\n";

const ISC: &str = "# a comment with { a brace\n\
    subnet 10.1.2.0 netmask 255.255.255.0 {\n\
      range 10.1.2.100 10.1.2.200; option domain-name \"x;{\";\n\
      group { host scanner { hardware ethernet 00:00:5e:00:53:02; fixed-address 10.1.2.4; } }\n\
      host named { hardware ethernet 00:00:5e:00:53:09; fixed-address other.example.edu; }\n\
    }\n";

const KEA: &str = r#"{ // Kea writes comments like this
    "Dhcp4": { "subnet4": [ { "subnet": "10.1.2.0/24", # and like this
        "pools": [ { "pool": "10.1.2.100 - 10.1.2.200" }, { "pool": "10.1.3.0/25" } ], /* and
        this */
        "reservations": [ { "hw-address": "00:00:5e:00:53:02", "ip-address": "10.1.2.4" },
                          { "client-id": "01:aa", "ip-address": "10.1.2.9" } ] } ] },
    "note": "// no comment" }"#;

fn now() -> Timestamp {
    // 2026-11-22
    Timestamp::from_secs(1_795_305_600)
}

fn network() -> Network {
    Network {
        own: vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
        shared: vec!["10.9.0.0/24".parse().unwrap()],
        dynamic: vec!["10.1.2.96/27".parse().unwrap()],
        register: Source::Known(Register::read(REGISTER).unwrap()),
        reservations: Source::Known(Reservations::read_isc(ISC).unwrap()),
        zones: Source::Known(Zones::read("prefix,zone\n10.0.0.0/8,LAN\n10.1.2.0/24,MOD\n").unwrap()),
        ..Network::default()
    }
}

fn machine(at: &str) -> Machine {
    let at: IpAddr = at.parse().unwrap();
    Machine {
        at: at.into(),
        name: None,
        zone: None,
    }
}

#[track_caller]
fn found(network: &Network, check: Check, machine: &Machine, colour: Colour, said: &str) {
    let finding = network.check(check, machine, &Names::default(), &[], Widest::default(), now());
    assert_eq!(finding.colour, colour, "{finding:?}");
    assert!(finding.said.contains(said), "{finding:?}");
}

#[test]
fn c1_an_address_is_ours_and_one_machine_s() {
    let network = network();
    for (at, colour, said) in [
        ("10.1.2.3", Colour::Green, "is ours"),
        ("192.0.2.1", Colour::Red, "not within"),
        ("10.9.0.7", Colour::Red, "several machines hide"),
        ("10.1.2.100", Colour::Red, "given out dynamically"),
    ] {
        found(&network, Check::Ours, &machine(at), colour, said);
    }
    // A network that holds a bad part is as bad.
    let wide = Machine {
        at: "10.9.0.0/16".parse().unwrap(),
        ..machine("10.9.0.0")
    };
    found(&network, Check::Ours, &wide, Colour::Red, "several machines hide");
}

#[test]
fn c2_an_address_is_registered_and_its_registration_goes_on() {
    let mut network = network();
    found(
        &network,
        Check::Registered,
        &machine("10.1.2.3"),
        Colour::Green,
        "is registered",
    );
    found(
        &network,
        Check::Registered,
        &machine("10.1.2.6"),
        Colour::Red,
        "not registered",
    );
    let late = Timestamp::from_secs(now().secs() + 60 * 86_400);
    let finding = network.check(
        Check::Registered,
        &machine("10.1.2.3"),
        &Names::default(),
        &[],
        Widest::default(),
        late,
    );
    assert_eq!(
        (finding.colour, finding.said.contains("ended on 2026-12-31")),
        (Colour::Red, true)
    );
    let wide = Machine {
        at: "2001:db8::/64".parse().unwrap(),
        ..machine("2001:db8::")
    };
    found(&network, Check::Registered, &wide, Colour::Red, "too wide");
    network.register = Source::Unknown("no such file".to_owned());
    found(
        &network,
        Check::Registered,
        &machine("10.1.2.3"),
        Colour::Unknown,
        "no such file",
    );
    network.register = Source::None;
    found(
        &network,
        Check::Registered,
        &machine("10.1.2.3"),
        Colour::Unchecked,
        "not kept",
    );
}

#[test]
fn c3_an_address_stays_with_its_machine() {
    let mut network = network();
    let fixed = Check::Static;
    found(&network, fixed, &machine("10.1.2.3"), Colour::Green, "stays");
    found(&network, fixed, &machine("10.1.2.4"), Colour::Green, "stays");
    found(&network, fixed, &machine("10.1.2.5"), Colour::Red, "dynamic");
    let isc = |text: &str| Source::Known(Reservations::read_isc(text).unwrap());
    for (text, said) in [
        ("", "no reservation"),
        (
            "host a { hardware ethernet 00:00:5e:00:53:07; fixed-address 10.1.2.4; }",
            "keeps it for 00:00:5e:00:53:07",
        ),
        (
            "host a { hardware ethernet 00:00:5e:00:53:02; fixed-address 10.1.2.4; } range 10.1.2.1 10.1.2.9;",
            "given to anybody",
        ),
        ("host a { fixed-address 10.1.2.4; }", "does not know"),
        (
            "host a { hardware ethernet 00:00:5e:00:53:02; fixed-address 10.1.2.4, 10.1.2.4; }",
            "several machines",
        ),
    ] {
        network.reservations = isc(text);
        found(&network, fixed, &machine("10.1.2.4"), Colour::Red, said);
    }
    network.reservations = Source::None;
    found(&network, fixed, &machine("10.1.2.4"), Colour::Unchecked, "not kept");
    network.reservations = Source::Unknown("torn".to_owned());
    found(&network, fixed, &machine("10.1.2.4"), Colour::Unknown, "torn");
}

#[test]
fn c4_name_and_address_point_at_each_other() {
    let network = network();
    let domain = |name: &str| Domain::parse(name).unwrap();
    let copier = Machine {
        name: Some(domain("copier.example.edu")),
        ..machine("10.1.2.3")
    };
    let check = |machine: &Machine, forward: &[&str], reverse: &[&str]| {
        let names = Names {
            forward: Source::Known(forward.iter().map(|text| text.parse().unwrap()).collect()),
            reverse: Source::Known(reverse.iter().map(|text| domain(text)).collect()),
        };
        let finding = network.check(Check::Named, machine, &names, &[], Widest::default(), now());
        (finding.colour, finding.said)
    };
    assert_eq!(check(&copier, &["10.1.2.3"], &["copier.example.edu"]).0, Colour::Green);
    assert!(
        check(&copier, &[], &["copier.example.edu"])
            .1
            .contains("but to nowhere")
    );
    assert!(
        check(&copier, &["10.1.2.3"], &["old.example.edu"])
            .1
            .contains("but old.example.edu")
    );
    let renamed = Machine {
        name: Some(domain("new.example.edu")),
        ..copier.clone()
    };
    let (colour, said) = check(&renamed, &["10.1.2.3"], &["new.example.edu"]);
    assert_eq!((colour, said.contains("registered as copier")), (Colour::Yellow, true));
    let unknown = Names {
        forward: Source::Unknown("no answer".to_owned()),
        reverse: Source::None,
    };
    let finding = network.check(Check::Named, &copier, &unknown, &[], Widest::default(), now());
    assert_eq!(finding.colour, Colour::Yellow, "it warns, and hinders nothing");
}

#[test]
fn c5_a_device_stands_in_the_zone_of_its_kind() {
    let network = network();
    let copier = |at: &str| Machine {
        zone: Some("mod".into()),
        ..machine(at)
    };
    found(
        &network,
        Check::Zoned,
        &copier("10.1.2.3"),
        Colour::Green,
        "lies in mod",
    );
    found(
        &network,
        Check::Zoned,
        &copier("10.1.3.3"),
        Colour::Red,
        "move the machine to mod",
    );
    found(&network, Check::Zoned, &copier("2001:db8::5"), Colour::Red, "no zone");
    found(&network, Check::Zoned, &machine("10.1.3.3"), Colour::Green, "any zone");

    // The register says it of an address where nobody keeps a table, and where both say it both have to.
    let elsewhere = "is registered in the zone LAN";
    found(&network, Check::Zoned, &copier("10.1.2.5"), Colour::Red, elsewhere);
    let without = Network {
        zones: Source::None,
        ..network.clone()
    };
    found(
        &without,
        Check::Zoned,
        &copier("10.1.2.3"),
        Colour::Green,
        "lies in mod",
    );
    found(&without, Check::Zoned, &copier("10.1.2.5"), Colour::Red, elsewhere);
    found(
        &without,
        Check::Zoned,
        &copier("2001:db8::5"),
        Colour::Unchecked,
        "not kept",
    );
    let unread = Network {
        zones: Source::Unknown("half a file".to_owned()),
        ..network
    };
    found(
        &unread,
        Check::Zoned,
        &copier("10.1.2.3"),
        Colour::Unknown,
        "half a file",
    );
}

#[test]
fn c7_an_address_has_one_grant_and_a_grant_one_address() {
    let network = network();
    let others = [("pc-1".into(), "10.1.2.3/32".parse().unwrap())];
    let check = |at: &str, widest| {
        let wide = Machine {
            at: at.parse().unwrap(),
            name: None,
            zone: None,
        };
        let finding = network.check(Check::Exclusive, &wide, &Names::default(), &others, widest, now());
        (finding.colour, finding.said)
    };
    assert!(check("10.1.2.3/32", Widest::default()).1.contains("grant pc-1"));
    assert_eq!(check("10.1.2.4/32", Widest::default()).0, Colour::Green);
    assert!(check("10.1.2.16/28", Widest::default()).1.contains("wider"));
    let farm = Widest { v4: 28, v6: 124 };
    assert_eq!(check("10.1.2.16/28", farm).0, Colour::Green);
    assert!(check("10.1.2.0/28", farm).1.contains("grant pc-1"));
}

#[test]
fn both_servers_say_the_same_of_the_same_house() {
    let (isc, kea) = (
        Reservations::read_isc(ISC).unwrap(),
        Reservations::read_kea(KEA).unwrap(),
    );
    for known in [&isc, &kea] {
        assert_eq!(known.of("10.1.2.4".parse().unwrap()), [Mac::parse("00005e005302")]);
        assert!(known.gives_out("10.1.2.150".parse().unwrap()));
        assert!(!known.gives_out("10.1.2.4".parse().unwrap()));
    }
    assert_eq!(kea.of("10.1.2.9".parse().unwrap()), [None]);
    assert!(kea.gives_out("10.1.3.127".parse().unwrap()));
    let mut both = isc;
    both.add(kea);
    assert_eq!(both.of("10.1.2.4".parse().unwrap()).len(), 2);
}

#[test]
fn what_cannot_be_read_says_where() {
    let register = |text: &str| Register::read(text).unwrap_err().to_string();
    assert!(register("address,type\n").contains("no column \"ip\""));
    assert_eq!(
        register("ip,type\n10.1.2.300,static\n"),
        "line 2: \"10.1.2.300\" is no address"
    );
    assert!(register("ip,type\n10.1.2.3,fixed\n").starts_with("line 2: \"fixed\" is no type"));
    assert!(register("ip,type\n10.1.2.3\n").contains("line 2"));
    assert!(register("ip,type\n10.1.2.3,static\n::ffff:10.1.2.3,static\n").contains("stands in line 2 already"));
    assert_eq!(Register::read(REGISTER).unwrap().len(), 4);

    let isc = |text: &str| Reservations::read_isc(text).unwrap_err().to_string();
    assert_eq!(isc("}\n"), "line 1: a brace is closed that was not opened");
    assert!(isc("subnet x {\n").contains("last brace"));
    assert_eq!(isc("\nrange 1.2.3.x 1.2.3.4;"), "line 2: \"1.2.3.x\" is no address");
    let kea = |text: &str| Reservations::read_kea(text).unwrap_err().to_string();
    assert!(kea("{\n  nonsense }").starts_with("line 2: this is no JSON"));
    assert_eq!(kea(r#"{"pools": [{"pool": "x - y"}]}"#), "\"x \" is no address");
    let zones = |text: &str| Zones::read(text).unwrap_err().to_string();
    assert_eq!(
        zones("prefix,zone\n10.0.0.0/40,MOD\n"),
        "line 2: \"10.0.0.0/40\" is no network"
    );
    assert_eq!(
        zones("10.0.0.0/8,A\n10.0.0.0/8,B\n"),
        "line 2: 10.0.0.0/8 lies in another zone already"
    );
}

#[test]
fn no_text_makes_the_readers_panic() {
    use proptest::prelude::*;
    let pieces = prop::sample::select(vec![
        "{",
        "}",
        ";",
        "\"",
        "host",
        " ",
        "\n",
        "range",
        "fixed-address",
        "10.1.2.3",
        ",",
        "#",
        "/*",
        "*/",
        "//",
        "[",
        "]",
        "\"pools\"",
        ":",
        "ip",
        "type",
        "static",
        "é",
        "\\",
        "0/0",
    ]);
    proptest!(|(pieces in prop::collection::vec(pieces, 0..40))| {
        let text: String = pieces.concat();
        let _ = Register::read(&text);
        let _ = Register::read(&format!("ip,type\n{text}"));
        let _ = Zones::read(&text);
        let _ = Sightings::read(&format!("ip,mac,seen\n{text}"));
        let _ = Scan::read(&format!("ip,port,state\n{text}"));
        let _ = Reservations::read_isc(&text);
        let _ = Reservations::read_kea(&text);
        let _ = Mac::parse(&text);
    });
}

#[test]
fn c6_the_machine_that_was_seen_last_is_the_one_that_is_registered() {
    let mut network = network();
    let check = |network: &Network, at: &str, colour, said: &str| {
        found(network, Check::SameMachine, &machine(at), colour, said);
    };
    check(&network, "10.1.2.3", Colour::Unchecked, "is not kept here");
    let seen = "mac,ip,seen\n\
        00:00:5e:00:53:09,10.1.2.3,2026-11-20T08:00:00Z\n\
        00:00:5e:00:53:01,10.1.2.3,2026-11-21T08:00:00Z\n\
        # somebody else since\n\
        00-00-5E-00-53-99,10.1.2.4,1795305000\n\
        00:00:5e:00:53:77,10.1.2.5,1795305000\n\
        00:00:5e:00:53:05,2001:db8::5,2026-11-01T08:00:00Z\n";
    network.sightings = Source::Known(Sightings::read(seen).unwrap());
    check(&network, "10.1.2.3", Colour::Green, "the machine that is registered");
    check(
        &network,
        "10.1.2.4",
        Colour::Red,
        "00:00:5e:00:53:99 was seen at 10.1.2.4",
    );
    check(&network, "10.1.2.5", Colour::Unchecked, "without its machine");
    check(&network, "2001:db8::5", Colour::Unchecked, "for 7 days");
    network.sightings = Source::Unknown("no such file".to_owned());
    check(&network, "10.1.2.3", Colour::Unknown, "cannot be read: no such file");
}

#[test]
fn c9_nothing_of_a_device_can_be_reached_from_the_internet() {
    let mut network = network();
    let check = |network: &Network, at: &str, colour, said: &str| {
        found(network, Check::NotExposed, &machine(at), colour, said);
    };
    check(&network, "10.1.2.3", Colour::Unchecked, "is not kept here");
    let scan = "ip,port,state\n10.1.2.3,25,filtered\n10.1.2.3,80,closed\n10.1.2.4,9100,open\n10.1.2.4,80,OPEN\n";
    network.scan = Source::Known(Scan::read(scan).unwrap());
    check(&network, "10.1.2.3", Colour::Green, "nothing of 10.1.2.3");
    check(&network, "10.1.2.4", Colour::Yellow, "on port 80, 9100");
    check(&network, "10.1.2.5", Colour::Unchecked, "was not scanned");
    network.scan = Source::Unknown("no such file".to_owned());
    check(&network, "10.1.2.3", Colour::Yellow, "no such file");
}

#[test]
fn c10_a_zone_lets_its_devices_reach_the_relay_alone() {
    let mut network = network();
    let check = |network: &Network, at: &str, colour, said: &str| {
        found(network, Check::ZoneEgress, &machine(at), colour, said);
    };
    check(&network, "10.1.2.3", Colour::Unchecked, "is not written down");
    let zones =
        "prefix,zone,egress\n10.1.2.0/24,MOD,relay\n10.1.3.0/24,LAN,internet\n10.1.4.0/24,LAB, None \n10.1.5.0/24,X\n";
    network.zones = Source::Known(Zones::read(zones).unwrap());
    check(&network, "10.1.2.3", Colour::Green, "leads to the relay alone");
    check(&network, "10.1.3.3", Colour::Yellow, "out to everybody");
    check(&network, "10.1.4.3", Colour::Yellow, "does not let it reach the relay");
    check(&network, "10.1.5.3", Colour::Unchecked, "is not written down");
    network.zones = Source::Unknown("no such file".to_owned());
    check(&network, "10.1.2.3", Colour::Yellow, "no such file");
}

#[test]
fn a_table_of_others_says_where_it_is_wrong() {
    for (text, line, why) in [
        ("ip,mac\n", 1, "names no column \"seen\""),
        ("ip,mac,seen\nx,00:00:5e:00:53:01,0\n", 2, "\"x\" is no address"),
        ("ip,mac,seen\n10.0.0.1,no,0\n", 2, "\"no\" is no machine address"),
        (
            "ip,mac,seen\n10.0.0.1,00:00:5e:00:53:01,0\n10.0.0.1,00:00:5e:00:53:01,today\n",
            3,
            "is no time",
        ),
        ("ip,mac,seen\n10.0.0.1,00:00:5e:00:53:01\n", 2, "cannot be read as CSV"),
    ] {
        let error = Sightings::read(text).unwrap_err();
        assert_eq!(error.line, line, "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
    let error = Scan::read("ip,port,state\n10.0.0.1,70000,open\n")
        .unwrap_err()
        .to_string();
    assert!(error.contains("\"70000\" is no port"), "{error}");
    let error = Zones::read("10.0.0.0/8,LAN,out").unwrap_err().to_string();
    assert_eq!(error, "line 1: \"out\" is no egress: relay, internet or none");
}
