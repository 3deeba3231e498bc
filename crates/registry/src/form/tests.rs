use super::*;

fn contact(name: &str, email: &str) -> Contact {
    Contact {
        name: name.to_owned(),
        email: email.to_owned(),
    }
}

/// A copier that can log in.
fn copier() -> Form {
    Form {
        requestor: contact("Ann", "ann@example.edu"),
        technical: contact("Tom", "tom@example.edu"),
        owner: contact("Olga", "olga@example.edu"),
        department: "Chemistry".to_owned(),
        device: "copier".to_owned(),
        address: "10.1.2.3".to_owned(),
        host: "copier.example.edu".to_owned(),
        senders: vec!["scan@example.edu".to_owned()],
        volume: Volume {
            per_day: 40,
            per_hour: 10,
            octets: 20_000_000,
        },
        authentication: "password".to_owned(),
        tls: "1.2".to_owned(),
        purpose: "scans to mail".to_owned(),
        ..Form::default()
    }
}

fn exception() -> Form {
    Form {
        authentication: "none".to_owned(),
        exception: Some(Addendum {
            head: contact("Dean", "dean@example.edu"),
            justification: "The only large-format scanner of the building; its successor is ordered.".to_owned(),
            hindrance: "no SMTP AUTH in any firmware".to_owned(),
            firmware_checked: true,
            replacement: "2027, with the new building".to_owned(),
        }),
        ..copier()
    }
}

fn application() -> Form {
    Form {
        device: "application".to_owned(),
        authentication: "oauth2".to_owned(),
        application: Some(Consultation {
            hosting: "data centre".to_owned(),
            patched_by: "central IT".to_owned(),
            signing: "d=example.edu".to_owned(),
            on_call: contact("On call", "oncall@example.edu"),
            ..Consultation::default()
        }),
        ..copier()
    }
}

fn read(form: &Form) -> (Option<Request>, Vec<String>) {
    let domains = [DomainPattern::parse("example.edu").unwrap()];
    // 2026-11-22
    let now = Timestamp::from_secs(1_795_305_600);
    let (request, remarks) = form.read(House {
        domains: &domains,
        now,
        longest: 366,
        imported: false,
    });
    (request, remarks.iter().map(Remark::to_string).collect())
}

#[track_caller]
fn blocked(form: &Form, remark: &str) {
    let (request, remarks) = read(form);
    assert_eq!(request, None, "{remarks:?}");
    assert!(remarks.iter().any(|said| said.contains(remark)), "{remarks:?}");
}

#[test]
fn what_a_device_calls_itself_and_which_faults_it_has_is_read() {
    let mut form = exception();
    form.hello = vec!["RNP*".to_owned()];
    form.tolerate = vec!["bare-lf".to_owned(), "missing-from".to_owned()];
    let request = read(&form).0.unwrap();
    assert!(request.hellos[0].matches("RNP002673A1B2C3"));
    assert_eq!(
        request.tolerances,
        Tolerances {
            bare_lf: true,
            missing_from: true,
            ..Tolerances::NONE
        }
    );
    form.tolerate = vec!["bare-cr".to_owned()];
    blocked(
        &form,
        "tolerate[0]: is to be bare-lf, long-lines, missing-from or no-starttls-advertised",
    );
    form.tolerate.clear();
    form.hello = vec!["two words".to_owned()];
    blocked(&form, "hello[0]: a name in HELO is of printable ASCII, without blanks");
}

#[test]
fn a_form_from_before_there_were_these_fields_has_the_hash_it_had() {
    let text = serde_json::to_string(&copier()).unwrap();
    assert!(!text.contains("hello") && !text.contains("tolerate"), "{text}");
}

#[test]
fn what_is_filled_in_well_is_read_without_remarks() {
    let (request, remarks) = read(&copier());
    let request = request.unwrap();
    assert_eq!(remarks, [""; 0]);
    assert_eq!((request.track, request.class), (Track::Authenticated, Class::Device));
    assert_eq!(
        (request.scope, request.until.to_date().as_str()),
        (Scope::Internal, "2027-11-23")
    );
    let (request, remarks) = read(&exception());
    let request = request.unwrap();
    assert_eq!(remarks, [""; 0]);
    assert_eq!((request.track, request.class), (Track::Exception, Class::Legacy));
    assert_eq!(request.head.unwrap().to_string(), "dean@example.edu");
}

#[test]
fn the_track_follows_from_what_a_device_can_and_is() {
    let track = |form: Form| read(&form).0.unwrap().track;
    assert_eq!(
        track(Form {
            tls: "old".to_owned(),
            ..exception()
        }),
        Track::Exception
    );
    let weak = Form {
        authentication: "password".to_owned(),
        tls: "none".to_owned(),
        ..exception()
    };
    assert_eq!(track(weak), Track::Exception, "a secret over no TLS is none");
    assert_eq!(track(application()), Track::Consultation { security: false });
    let everywhere = Form {
        recipients: vec!["any".to_owned()],
        ..application()
    };
    assert_eq!(track(everywhere), Track::Consultation { security: true });
}

#[test]
fn what_is_missing_is_named_field_by_field() {
    let (request, remarks) = read(&Form::default());
    assert_eq!(request, None);
    for field in [
        "requestor.name",
        "requestor.email",
        "technical.email",
        "department",
        "device",
        "address",
        "senders",
        "authentication",
        "tls",
        "purpose",
    ] {
        assert!(
            remarks.iter().any(|said| said.contains(&format!("put right {field}:"))),
            "{field}: {remarks:?}"
        );
    }
}

#[test]
fn traps_of_addresses_are_seen() {
    let at = |text: &str| Form {
        address: text.to_owned(),
        ..copier()
    };
    blocked(&at("10.01.2.3"), "octal");
    blocked(&at("10.1.2.300"), "no IP address");
    blocked(&at("10.1.2.3/24"), "10.1.2.0/24 is the network");
    blocked(&at("127.0.0.1"), "no machine's address");
    assert_eq!(
        read(&at("::ffff:10.1.2.3")).0.unwrap().at,
        "10.1.2.3/32".parse().unwrap()
    );
    assert_eq!(
        read(&at("2001:db8::1")).0.unwrap().at,
        "2001:db8::1/128".parse().unwrap()
    );
}

#[test]
fn traps_of_people_and_senders_are_seen() {
    let mut form = exception();
    form.exception.as_mut().unwrap().head = contact("Ann", "ANN@example.edu");
    blocked(&form, "nobody takes the risk of their own request");
    blocked(
        &Form {
            requestor: contact("Ann", "ann@example.com"),
            ..copier()
        },
        "address of the organisation",
    );
    blocked(
        &Form {
            technical: contact("X", "no-reply@example.edu"),
            ..copier()
        },
        "read by nobody",
    );
    let same = Form {
        technical: contact("Ann", "ann@example.edu"),
        ..copier()
    };
    assert!(
        read(&same)
            .1
            .iter()
            .any(|said| said.starts_with("look again at technical.email"))
    );
    let senders = |text: &str| Form {
        senders: vec![text.to_owned()],
        ..copier()
    };
    blocked(
        &senders("scan@elsewhere.example"),
        "not of a domain of the organisation",
    );
    blocked(&senders("scan"), "no address");
    for (text, said) in [
        ("noreply@example.edu", "comes back there"),
        ("*@example.edu", "everybody of that domain"),
    ] {
        let (request, remarks) = read(&senders(text));
        assert!(
            request.is_some() && remarks.iter().any(|remark| remark.contains(said)),
            "{remarks:?}"
        );
    }
}

#[test]
fn limits_of_time_volume_and_words_are_kept() {
    let until = |text: &str| Form {
        until: text.to_owned(),
        ..copier()
    };
    blocked(&until("soon"), "no date");
    blocked(&until("2026-11-21"), "past");
    blocked(&until("2027-11-24"), "2027-11-23 is the last day");
    assert_eq!(
        read(&until("2027-01-31")).0.unwrap().until.to_rfc3339(),
        "2027-01-31T23:59:59.999Z"
    );
    let mut form = copier();
    form.volume.per_day = 501;
    blocked(&form, "more than its kind may send: 500");
    let mut form = exception();
    form.exception.as_mut().unwrap().justification = "because".to_owned();
    blocked(&form, "at least 50 letters");
    blocked(
        &Form {
            exception: None,
            ..exception()
        },
        "somebody has to take that risk",
    );
    blocked(
        &Form {
            application: None,
            ..application()
        },
        "applications and servers",
    );
    let mut form = application();
    form.application.as_mut().unwrap().bulk = true;
    blocked(&form, "able to leave");
}

#[test]
fn another_form_has_another_hash() {
    assert_eq!(copier().hash(), copier().hash());
    let mut form = copier();
    form.senders.push("other@example.edu".to_owned());
    assert_ne!(form.hash(), copier().hash());
    let text = serde_json::to_string(&exception()).unwrap();
    assert_eq!(serde_json::from_str::<Form>(&text).unwrap(), exception());
    assert!(
        serde_json::from_str::<Form>(r#"{"sender": "x"}"#)
            .unwrap_err()
            .to_string()
            .contains("unknown field")
    );
}
