use std::path::PathBuf;

use policy::Name;
use registry::{Person, Role, Source};

use super::*;
use crate::config::{NetworkFiles, RegistryPlace};

struct Files {
    folder: tempfile::TempDir,
    settings: RegistrySettings,
}

impl Files {
    fn none() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = RegistrySettings {
            place: RegistryPlace::File(folder.path().join("registry.sqlite")),
            scope: "university".into(),
            network: NetworkFiles::default(),
            device_zone: None,
            widest: registry::Widest::default(),
            attestation: None,
            heads: registry::Heads::default(),
            terms: registry::Terms::default(),
            calendar: registry::Calendar::default(),
            roles: vec![
                (Role::Admin, Person::new("relay@example.edu")),
                (Role::Security, Person::new("security@example.edu")),
            ],
            post: None,
            letters: None,
            answers: None,
        };
        Self { folder, settings }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The rules, and what was said of files that cannot be used.
    fn rules(&self) -> (registry::Rules, String) {
        let organisation = Organisation::default();
        let zones = [Zone {
            name: Name::from("MOD"),
            networks: vec!["10.20.0.0/16".parse().unwrap()],
            place: policy::Place::default(),
        }];
        let house = House {
            organisation: &organisation,
            zones: &zones,
        };
        let (rules, reports) = rules(&self.settings, house);
        let said: String = reports.iter().map(Report::render).collect();
        (rules, said.replace(&self.folder.path().display().to_string(), "FOLDER"))
    }
}

#[test]
fn a_registry_is_begun_where_there_is_none_and_nobody_else_reads_it() {
    use std::os::unix::fs::PermissionsExt;
    let files = Files::none();
    let organisation = Organisation::default();
    let house = House {
        organisation: &organisation,
        zones: &[],
    };
    let (mut desk, reports) = open(&files.settings, house).unwrap();
    assert!(reports.is_empty());
    assert_eq!(desk.store().list(None).unwrap(), []);
    let mode = std::fs::metadata(files.folder.path().join("registry.sqlite"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let nowhere = RegistrySettings {
        place: RegistryPlace::File(files.folder.path().join("missing/registry.sqlite")),
        ..files.settings
    };
    let why = open(&nowhere, house).err().unwrap().to_string();
    assert!(why.contains("missing/registry.sqlite cannot be opened"), "{why}");
}

#[test]
fn both_kinds_of_dhcp_configuration_are_told_apart_by_what_they_say() {
    let mut files = Files::none();
    let isc = "# rooms {\nhost copier { hardware ethernet 00:00:5e:00:53:01; fixed-address 10.1.2.3; }\n";
    let kea = "// rooms\n/* of\nKea */ { \"Dhcp4\": { \"reservations\": \
               [{ \"hw-address\": \"00:00:5e:00:53:02\", \"ip-address\": \"10.1.2.4\" }] } }";
    files.settings.network.dhcp = vec![files.write("dhcpd.conf", isc), files.write("kea.json", kea)];
    let (rules, said) = files.rules();
    assert_eq!(said, "");
    let known = rules.network.reservations.known().unwrap();
    for address in ["10.1.2.3", "10.1.2.4"] {
        assert_eq!(known.of(address.parse().unwrap()).len(), 1, "{address}");
    }
}

#[test]
fn the_zones_of_the_configuration_count_where_no_table_is_kept() {
    let mut files = Files::none();
    let zone = |files: &Files| {
        let (rules, _) = files.rules();
        let zones = rules.network.zones.known().unwrap();
        zones.of("10.20.3.4".parse().unwrap()).map(str::to_owned)
    };
    assert_eq!(zone(&files).as_deref(), Some("MOD"));
    files.settings.network.zones = Some(files.write("zones.csv", "prefix,zone\n10.20.3.0/24,LAN\n"));
    assert_eq!(zone(&files).as_deref(), Some("LAN"));
}

#[test]
fn what_is_wrong_with_a_file_is_shown_at_its_place_and_its_word_is_unknown() {
    let mut files = Files::none();
    let register = "ip,type,mac\n10.1.2.3,static,\n10.1.2.4,fixed,\n";
    files.settings.network.register = Some(files.write("register.csv", register));
    files.settings.network.zones = Some(files.write("zones.csv", "10.1.2.0/24,MOD\n10.1.3.0/33,LAN\n"));
    files.settings.network.dhcp = vec![
        files.write("dhcpd.conf", "host copier {\n  hardware ethernet 00:00:5e;\n}\n"),
        files.write("kea.json", "{ \"reservations\": [\n { \"ip-address\": \"10.1.2\" } ] }"),
    ];
    let (rules, said) = files.rules();
    assert!(matches!(rules.network.register, Source::Unknown(_)));
    assert!(matches!(rules.network.zones, Source::Unknown(_)));
    assert!(matches!(rules.network.reservations, Source::Unknown(_)));
    for shown in [
        "FOLDER/register.csv:3:10",
        "10.1.2.4,fixed,\n  |          ^^^^^",
        "\"fixed\" is no type (static, static-dhcp, dynamic)",
        "FOLDER/zones.csv:2:1",
        "10.1.3.0/33,LAN\n  | ^^^^^^^^^^^",
        "FOLDER/dhcpd.conf:2:21",
        "hardware ethernet 00:00:5e;\n  |                     ^^^^^^^^",
        "FOLDER/kea.json:2:19",
        "opens nothing and closes nothing",
    ] {
        assert!(said.contains(shown), "{shown:?} is not in\n{said}");
    }
    files.settings.network.register = Some(files.folder.path().join("gone.csv"));
    let (rules, said) = files.rules();
    assert!(said.contains("FOLDER/gone.csv cannot be read"), "{said}");
    assert!(matches!(rules.network.register, Source::Unknown(why) if why.contains("gone.csv")));
}

#[test]
fn an_address_that_stands_twice_is_shown_at_both_places() {
    let mut files = Files::none();
    let register = "ip,type\n10.1.2.3,static\n10.1.2.3,static\n";
    files.settings.network.register = Some(files.write("register.csv", register));
    let (_, said) = files.rules();
    assert!(said.contains("here first") && said.contains("again"), "{said}");
}

#[test]
fn who_somebody_is_does_not_depend_on_how_they_write_their_address() {
    let files = Files::none();
    let people = People::new(&files.settings.roles);
    assert_eq!(people.roles(&Person::new("RELAY@example.edu")), [Role::Admin]);
    assert_eq!(people.roles(&Person::new("ann@example.edu")), []);
    assert_eq!(people.only_admin(), Some(&Person::new("relay@example.edu")));
}

#[test]
fn a_database_is_reached_with_the_password_of_its_file_and_says_nothing_of_it() {
    let mut files = Files::none();
    let url = "postgresql://gate@%2Fno%2Fsuch%2Ffolder/registry";
    let database = DatabaseSettings {
        options: PostgresOptions::read(url).unwrap(),
        password_file: Some(files.write("password", "sesame\n")),
        ca: None,
    };
    assert!(whole(&database).unwrap().has_password());
    files.settings.place = RegistryPlace::Database(Box::new(database.clone()));
    let why = store(&files.settings).err().unwrap().to_string();
    assert!(why.contains("/no/such/folder cannot be reached"), "{why}");
    assert!(!format!("{why} {database:?}").contains("sesame"));
    let missing = DatabaseSettings {
        password_file: Some("/no/such/file".into()),
        ..database
    };
    assert!(
        whole(&missing)
            .unwrap_err()
            .to_string()
            .contains("/no/such/file cannot be read")
    );
}

#[test]
fn what_was_seen_and_scanned_is_read_or_said_to_be_unknown() {
    let mut files = Files::none();
    files.settings.network.sightings = Some(files.write("arp.csv", "ip,mac,seen\n10.0.0.1,00:00:5e:00:53:01,0\n"));
    files.settings.network.scan = Some(files.write("scan.csv", "ip,port,state\n10.0.0.1,many,open\n"));
    let (rules, said) = files.rules();
    assert!(matches!(rules.network.sightings, Source::Known(_)));
    assert!(matches!(rules.network.scan, Source::Unknown(_)));
    assert!(
        said.contains("\"many\" is no port") && said.contains("scan.csv:2"),
        "{said}"
    );
}
