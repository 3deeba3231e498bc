//! Shadows beside a real queue: what they count, what they skip, what they can never do.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mail::Timestamp;
use policy::{Generation, Rulebook, SenderPattern, Snapshot};

use super::counts::Counts;
use super::difference::Difference;
use super::tray::{Tray, WAITING_MAX};
use super::{Decider, Ended, Kept, Present, Shadow, Standing, Terms, Torn};
use crate::control::rig::{Rig, rulebook, visitor};
use crate::generations::{Generations, sha256};
use crate::replay::{Again, Fate, Recorded};

fn terms(text: &str) -> Terms {
    Terms {
        file: "/etc/next.toml".into(),
        sha256: sha256(text),
        rulebook: 1,
        declarations: "none".to_owned(),
        since: Timestamp(0),
        until: Timestamp(1000),
        by: "ann (uid 0)".to_owned(),
        reason: None,
    }
}

fn ended() -> Ended {
    Ended {
        at: Timestamp(500),
        why: "enough".to_owned(),
    }
}

/// The rig's rulebook, changed.
fn snapshot(change: impl FnOnce(&mut Rulebook)) -> Snapshot {
    let mut book = rulebook(100);
    change(&mut book);
    Snapshot::build(book, Generation(0), 2).unwrap()
}

fn grant_to(sender: &str) -> impl FnOnce(&mut Rulebook) {
    let pattern = SenderPattern::parse(sender).unwrap();
    move |book| book.grants[0].senders = vec![pattern]
}

fn begin(rig: &Rig, snapshot: Snapshot) -> Arc<Shadow> {
    let recorder = &rig.desk.recorder;
    let metrics = recorder.metrics.clone();
    let decider = Decider {
        declared: snapshot,
        keeps_registry: false,
    };
    recorder
        .shadow
        .begin(terms(""), decider, Counts::default(), metrics)
        .unwrap();
    recorder.shadow.clone()
}

fn page(rig: &Rig) -> String {
    let metrics = &rig.desk.recorder.metrics;
    metrics.page(&spool::Counts::default(), Timestamp(0), 7, 0)
}

/// Stands where a shadow stands, with this thread instead of one that decides.
fn stand(rig: &Rig, thread: Option<std::thread::JoinHandle<()>>) -> Arc<Shadow> {
    let shadow = rig.desk.recorder.shadow.clone();
    let tray = Arc::new(Tray::default());
    *shadow.last.lock() = Some(Standing {
        terms: terms(""),
        tray: tray.clone(),
        counts: Arc::default(),
        deciding: None,
        skipped: 0,
        thread,
        ended: None,
    });
    shadow.tray.store(Some(tray));
    shadow
}

#[tokio::test]
async fn what_is_stored_is_decided_beside_and_counted() {
    let rig = Rig::new(100);
    rig.store(&["before@example.org"]).await;
    let shadow = begin(&rig, snapshot(|_| ()));
    rig.store(&["bob@example.org", "eve@example.org"]).await;
    let kept = shadow.end(ended(), &rig.desk.recorder.metrics).unwrap();
    assert_eq!(
        (kept.counts.agree, kept.counts.decided()),
        (2, 2),
        "one for each recipient"
    );

    let shadow = begin(&rig, snapshot(grant_to("boss@own.test")));
    assert!(page(&rig).contains("portcullis_shadow_on 1\n"));
    let id = rig.store(&["bob@example.org"]).await;
    let kept = shadow.end(ended(), &rig.desk.recorder.metrics).unwrap();
    assert_eq!(kept.counts.differ.of(Difference::WouldRefuse), 1);
    rig.store(&["after@example.org"]).await;
    assert_eq!(shadow.kept(), Some(kept.clone()), "who has ended counts nothing");

    let told = shadow.report(Present::default()).unwrap().to_string();
    let example = "accepted on grant copier-3f";
    assert!(told.contains(&id.to_string()) && told.contains(example), "{told}");
    assert!(told.contains("refused (sender-not-granted)"), "{told}");
    let page = page(&rig);
    assert!(page.contains("portcullis_shadow_on 0\n"), "{page}");
    assert!(
        page.contains("portcullis_shadow_decisions_total{kind=\"agree\"} 2\n"),
        "{page}"
    );
    assert!(
        page.contains("portcullis_shadow_decisions_total{kind=\"would-refuse\"} 1\n"),
        "{page}"
    );
}

#[tokio::test]
async fn one_that_is_behind_only_skips_and_mail_goes_on() {
    let rig = Rig::new(100);
    let shadow = stand(&rig, None);
    for _ in 0..WAITING_MAX {
        assert!(shadow.offer(&Bytes::from_static(b"{}")));
    }
    for name in ["bob", "eve", "joe"] {
        rig.store(&[&format!("{name}@example.org")]).await;
    }
    assert_eq!(rig.desk.view.counts().messages, 3);
    let report = shadow.report(Present::default()).unwrap();
    assert_eq!((report.waiting, report.kept.counts.skipped), (WAITING_MAX, 3));
    let page = page(&rig);
    assert!(
        page.contains("portcullis_shadow_decisions_total{kind=\"skipped\"} 3\n"),
        "{page}"
    );
    // Octets are bounded as well.
    let tray = Tray::default();
    let long = Bytes::from(vec![b' '; 4 << 20]);
    let taken = (0..10).filter(|_| tray.offer(&long)).count();
    assert_eq!((taken, tray.skipped()), (4, 6));
}

#[tokio::test]
async fn one_whose_thread_is_gone_is_told_and_mail_goes_on() {
    let rig = Rig::new(100);
    let thread = std::thread::spawn(|| ());
    while !thread.is_finished() {
        std::thread::yield_now();
    }
    let shadow = stand(&rig, Some(thread));
    rig.store(&["bob@example.org"]).await;
    assert_eq!(rig.desk.view.counts().messages, 1);
    let report = shadow.report(Present::default()).unwrap();
    assert!(
        report.is_gone && report.to_string().contains("nobody decides any more"),
        "{report}"
    );
    assert!(
        shadow.end(ended(), &rig.desk.recorder.metrics).is_some(),
        "it can be ended"
    );
    assert!(shadow.until().is_none());
}

#[tokio::test]
async fn what_is_counted_stays_within_bounds_and_adds_up() {
    let rig = Rig::new(100);
    rig.store(&["bob@example.org"]).await;
    rig.desk.recorder.ledger.flush().await;
    let mut found = None;
    rig.desk
        .reader
        .each_since(Timestamp(0), |line, _| {
            found = found.take().or(Recorded::of(&line.event));
        })
        .unwrap();
    let mut recorded = found.unwrap().unwrap();
    let made = recorded.decisions[0].clone();
    let again = Again {
        fate: Fate::Refused(policy::Reason::NoGrant),
        ground: String::new(),
    };
    let mut counts = Counts::default();
    for number in 0..10_000 {
        recorded.from = format!("<sender{number}@own.test>");
        recorded.listener = format!("listener{number}").as_str().into();
        counts.count(&recorded, &made, &again);
    }
    for names in [&counts.by_sender, &counts.by_listener, &counts.by_grant] {
        assert!(names.most().len() <= 100);
        let named: u64 = names.most().iter().map(|(_, tally)| tally.all()).sum();
        assert_eq!(
            named + names.others().all(),
            10_000,
            "nothing is lost between the names"
        );
    }
    assert_eq!(counts.examples[&Difference::WouldRefuse].newest().count(), 5);
    let octets = serde_json::to_vec(&counts).unwrap();
    assert!(octets.len() < 100_000, "{}", octets.len());
    assert_eq!(serde_json::from_slice::<Counts>(&octets).unwrap(), counts);
}

#[tokio::test]
async fn octets_of_every_kind_end_no_shadow() {
    let rig = Rig::new(100);
    let shadow = begin(&rig, snapshot(|_| ()));
    for octets in [
        "",
        "{",
        "null",
        "{\"event\":\"refuse\"}",
        "{\"event\":\"data.accept\",\"judged\":{}}",
    ] {
        shadow.offer(&Bytes::from_static(octets.as_bytes()));
    }
    rig.store_from(&visitor(), "scan@own.test", &["bob@example.org"], || ())
        .await;
    let kept = shadow.end(ended(), &rig.desk.recorder.metrics).unwrap();
    assert_eq!((kept.counts.agree, kept.counts.differ.of(Difference::Unknown)), (1, 5));
}

#[test]
fn what_is_kept_reads_back_and_what_cannot_be_trusted_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let generations = Generations::of_spool(Arc::new(world::OsDisk), dir.path());
    assert!(Kept::read(&generations).unwrap().is_none());
    let kept = Kept {
        terms: terms("version = 1\n"),
        counts: Counts {
            agree: 3,
            ..Counts::default()
        },
        ended: None,
    };
    kept.write_with("version = 1\n", &generations).unwrap();
    assert_eq!(Kept::read(&generations).unwrap().as_ref(), Some(&kept));
    assert_eq!(kept.text(&generations).unwrap(), "version = 1\n");
    assert!(generations.history().unwrap().damage.is_empty(), "it is no generation");
    assert_eq!(generations.highest().unwrap(), 0);

    std::fs::write(Kept::text_path(&generations), "version = 2\n").unwrap();
    assert!(kept.text(&generations).is_err());
    let record = generations.folder().join("shadow.json");
    let later = std::fs::read_to_string(&record)
        .unwrap()
        .replace("\"version\": 1", "\"version\": 2");
    std::fs::write(&record, later).unwrap();
    assert!(matches!(Kept::read(&generations), Err(Torn::Version(2))));
    std::fs::write(&record, "{\"version\": 1,").unwrap();
    assert!(matches!(Kept::read(&generations), Err(Torn::Unreadable(_))));
}

#[tokio::test]
async fn whoever_waits_hears_of_a_beginning() {
    let rig = Rig::new(100);
    let shadow = rig.desk.recorder.shadow.clone();
    let waiting = tokio::spawn({
        let shadow = shadow.clone();
        async move { shadow.changed().await }
    });
    begin(&rig, snapshot(|_| ()));
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(shadow.until(), Some(Timestamp(1000)));
    shadow.rest(&rig.desk.recorder.metrics);
}
