use registry::Contact;

use super::*;

fn defaults() -> Defaults {
    let ann = Contact {
        name: "Ann".to_owned(),
        email: "ann@example.edu".to_owned(),
    };
    Defaults {
        senders: vec!["*@example.edu".to_owned()],
        recipients: vec!["any".to_owned()],
        requestor: ann.clone(),
        technical: ann,
        department: "not known".to_owned(),
        purpose: "imported from a file".to_owned(),
        ..Defaults::default()
    }
}

/// What would become of a text: what is shown of each item with its lines, and each line that is left with its reason.
fn fates(format: Format, text: &str) -> (Vec<String>, Vec<String>) {
    let read = read(format, text, &defaults());
    let items = read.items.iter().map(|item| format!("{:?} {}", item.lines, item.shown));
    let left = read.left.iter().map(|left| format!("{} {}", left.line, left.why));
    (items.collect(), left.collect())
}

#[test]
fn mynetworks_is_read_from_main_cf_from_postconf_and_from_a_list() {
    let main = "inet_interfaces = all\nmynetworks = 127.0.0.0/8 [::1]/128,\n  10.20.3.14 # not a comment in Postfix\n\
                # a comment\n\t10.20.3.15/32 [2001:db8::7]\nmydomain = 10.9.9.9\n";
    let (items, left) = fates(Format::Mynetworks, main);
    assert_eq!(items, ["[3] 10.20.3.14", "[5] 10.20.3.15", "[5] 2001:db8::7"]);
    assert_eq!(
        left[..2],
        ["2 this is the machine itself", "2 this is the machine itself"]
    );
    let (items, left) = fates(Format::Mynetworks, "10.20.3.14\n10.20.3.14\n# 10.1.1.1\n10.20.3.16\n");
    assert_eq!(
        (items, left),
        (
            vec!["[1, 2] 10.20.3.14".to_owned(), "[4] 10.20.3.16".to_owned()],
            vec![]
        )
    );
}

#[test]
fn what_is_no_machine_is_left_with_the_reason() {
    let text =
        "mynetworks = !10.20.3.14 10.20.0.0/16 10.20.3.14 10.20.3.15/16 hash:/etc/postfix/nets /etc/nets host.example";
    let (items, left) = fates(Format::Mynetworks, text);
    assert_eq!(items, [""; 0]);
    assert_eq!(
        left,
        [
            "1 a network of 65536 addresses is no grant for a machine",
            "1 line 1 refuses 10.20.3.14/32",
            "1 10.20.0.0/16 is the network",
            "1 this names another file",
            "1 this names another file",
            "1 this is no network",
        ]
    );
}

#[test]
fn an_access_table_gives_grants_for_what_it_lets_in_by_address() {
    let text = "# clients\n10.20.3.14\tOK\n10.20.3.15 permit\n10.20.4 OK\ncopier.example.edu OK\nann@example.edu OK\n\
                10.20.3.16 REJECT no more\n10.20.3.17 DUNNO\n10.20.3.18 550 gone\n10.20.3.19 1234567890\n\
                10.20.3.20 check_sender_access hash:/etc/x\n10.20.3.21\n   RELAY\n";
    let (items, left) = fates(Format::Access, text);
    assert_eq!(
        items,
        ["[2] 10.20.3.14", "[3] 10.20.3.15", "[10] 10.20.3.19", "[12] 10.20.3.21"]
    );
    assert_eq!(
        left,
        [
            "4 a network of 256 addresses is no grant for a machine",
            "5 this is no address: who owns a name decides where it leads",
            "6 a sender's address proves nothing, and is no grant",
            "7 it lets nobody in",
            "8 it lets nobody in",
            "9 it lets nobody in",
            "11 what \"check_sender_access hash:/etc/x\" lets in is decided elsewhere",
        ]
    );
}

#[test]
fn of_a_cidr_table_the_first_match_counts() {
    let text = "10.20.3.0/28 REJECT\n10.20.3.14/32 OK\n10.20.4.1 OK\nif 10.0.0.0/8\n2001:db8::1 OK\nendif\n";
    let (items, left) = fates(Format::Cidr, text);
    assert_eq!(items, ["[3] 10.20.4.1", "[5] 2001:db8::1"]);
    assert_eq!(left[..2], ["1 it lets nobody in", "2 line 1 refuses 10.20.3.0/28"]);
}

#[test]
fn each_login_of_a_table_becomes_one_grant_with_all_its_senders() {
    let text = "billing@example.edu erp\n@shop.example.edu shop, ERP\nroot admin\nlonely@example.edu\n";
    let read = read(Format::Logins, text, &defaults());
    let items: Vec<_> = read
        .items
        .iter()
        .map(|item| (item.shown.as_str(), item.form.senders.join(" ")))
        .collect();
    assert_eq!(
        items,
        [
            ("login erp", "billing@example.edu *@shop.example.edu".to_owned()),
            ("login shop", "*@shop.example.edu".to_owned()),
        ]
    );
    assert_eq!(read.items[0].form.purpose, "imported from a file: login erp");
    assert_eq!(read.items[0].form.authentication, "password");
    let left: Vec<_> = read.left.iter().map(|left| left.line).collect();
    assert_eq!(left, [3, 4]);
}

#[test]
fn rows_say_as_much_as_they_know_and_the_rest_is_said_of_all() {
    let text = "ip,FQDN,type,from,requestor,contact,head,per_day,state,colour\n\
                10.20.3.14,copier.example.edu,copier,scan@example.edu;copy@example.edu,Bob <bob@example.edu>,,dean@example.edu,40,,red\n\
                ,,application,billing@example.edu,,,,,active,\n\
                10.20.3.15,,,,,,,,revoked(owner),\n\
                10.20.3.14,,,,,,,,,\n\
                10.0.0.0/8,,,,,,,,,\n\
                copier,,,,,,,,,\n";
    let read = read(Format::Csv, text, &defaults());
    let [first, second] = read.items.as_slice() else {
        panic!("{read:#?}")
    };
    assert_eq!(first.form.senders, ["scan@example.edu", "copy@example.edu"]);
    assert_eq!((first.form.device.as_str(), first.form.volume.per_day), ("copier", 40));
    assert_eq!(
        (first.form.requestor.name.as_str(), first.form.technical.name.as_str()),
        ("Bob", "Ann")
    );
    assert_eq!(first.form.exception.as_ref().unwrap().head.email, "dean@example.edu");
    assert_eq!(
        (second.form.authentication.as_str(), second.form.address.as_str()),
        ("password", "")
    );
    let left: Vec<_> = read
        .left
        .iter()
        .map(|left| format!("{} {}", left.line, left.why))
        .collect();
    assert_eq!(
        left,
        [
            "4 it is revoked(owner)",
            "5 its address stands in an earlier row",
            "6 a network of 2^24 addresses is no grant for a machine",
            "7 \"copier\" is no address",
        ]
    );
}

#[test]
fn what_a_file_is_follows_from_its_name_and_its_words() {
    for (name, text, format) in [
        ("main.cf", "mynetworks = 10.0.0.1\n", Format::Mynetworks),
        ("nets", "10.0.0.1\n10.0.0.2\n", Format::Mynetworks),
        ("clients", "# x\n10.0.0.1 OK\n", Format::Access),
        ("clients", "10.0.0.1/32 OK\n", Format::Cidr),
        ("clients.cidr", "10.0.0.1 OK\n", Format::Cidr),
        ("senders", "a@example.edu erp\n", Format::Logins),
        ("devices.csv", "address\n", Format::Csv),
        ("devices", "address,host\n", Format::Csv),
    ] {
        assert_eq!(guess(name, text), Ok(format), "{name} {text:?}");
    }
    for (name, text) in [
        ("x.pcre", "/^10\\./ OK"),
        ("x", "/^10\\./ OK"),
        ("x.db", "x"),
        ("x", "# nothing\n"),
    ] {
        assert!(guess(name, text).is_err(), "{name}");
    }
}

#[test]
fn any_text_is_read() {
    for format in [
        Format::Mynetworks,
        Format::Access,
        Format::Cidr,
        Format::Logins,
        Format::Csv,
    ] {
        for text in [
            "",
            "\"",
            ",,,\n\"",
            "= /",
            "@ @",
            "!",
            "\u{0}\n\u{feff}",
            "a,b\nc",
            "1.2.3.4.5 OK",
            "[]/ OK",
        ] {
            let _ = read(format, text, &defaults());
        }
    }
}
