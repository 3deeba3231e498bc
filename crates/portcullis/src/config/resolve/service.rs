//! How the service runs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use policy::unmapped;

use super::desk::{Desk, values};
use crate::config::file::{self, At, Count, List, Maybe, Octets, Text};
use crate::config::{
    ClientLimits, DeliverySettings, DnsSettings, Keeping, LedgerSettings, LimitSettings, LogFormat, LogLevel,
    LogSettings, Problem, SpoolSettings,
};

/// RFC 5321 §4.5.3.1.8 has every server take this many recipients of one message.
const RECIPIENTS_MIN: u32 = 100;
/// RFC 5321 §4.5.3.1.6 has every server take lines of 1000 octets, their CRLF included, and nobody need take longer ones.
const TEXT_LINE: u64 = 998;
/// RFC 5322 §2.1.1 has ordinary lines be as long as this. Where longer ones are broken, a few octets would not do.
const TEXT_LINE_MIN: u64 = 78;
/// Where the queue lives, unless said otherwise.
const SPOOL_DIR: &str = "/var/lib/portcullis/spool";
/// Days for which one usually wants to know what was decided.
const KEEP_DAYS_MIN: u64 = 90;
/// Where syslog listens, unless said otherwise.
const SYSLOG: &str = "/dev/log";
/// Octets of a segment: smaller wastes files, larger wastes disk.
const SEGMENT_RANGE: std::ops::RangeInclusive<u64> = (1 << 20)..=(4 << 30);
/// A pause varies by this much at most.
const JITTER_PERCENT_MAX: u32 = 50;
/// Pauses between attempts, unless said otherwise.
const SCHEDULE_MINUTES: [u64; 6] = [5, 15, 30, 60, 120, 240];
/// Seconds of an hour.
const HOUR: u64 = 3600;

/// What clients may use before they are judged.
pub(super) fn limits(written: &file::Limits, desk: &mut Desk<'_>) -> LimitSettings {
    let mut limits = LimitSettings::default();
    limits.client = client(&written.of_everybody(), limits.client, desk);
    take(&written.sessions, &mut limits.sessions, desk);
    take(
        &written.messages_per_minute_unknown,
        &mut limits.client.messages_per_minute_unknown,
        desk,
    );
    take(
        &written.auth_failures_per_session,
        &mut limits.auth_failures_per_session,
        desk,
    );
    if written.messages_per_session.is_some() {
        take(
            &written.messages_per_session,
            limits.messages_per_session.get_or_insert_default(),
            desk,
        );
    }
    if let Some(octets) = &written.text_line {
        limits.text_line_octets = usize::try_from(octets.0).unwrap_or(usize::MAX);
        text_line(octets, desk);
    }
    if let Some(octets) = &written.swallow {
        limits.swallow_octets = octets.0;
    }
    limits.client.messages_per_minute_unknown = limits
        .client
        .messages_per_minute_unknown
        .min(limits.client.messages_per_minute);
    limits.overrides = overrides(&written.networks, limits.client, desk);
    limits
}

/// What clients of some networks may use, the narrowest network first: what it says counts, whatever its place.
fn overrides(written: &[file::LimitsFor], usual: ClientLimits, desk: &mut Desk<'_>) -> Vec<(IpNet, ClientLimits)> {
    let mut overrides = Vec::new();
    let mut named: BTreeSet<IpNet> = BTreeSet::new();
    for one in written {
        let mut own = client(one, usual, desk);
        // Whom an operator names is known, whatever name DNS has for it.
        own.messages_per_minute_unknown = own.messages_per_minute;
        if one.networks.is_empty() && !desk.is_spoiled(&["limits", "for"]) {
            desk.say(
                Problem::error(None, "a [[limits.for]] names no networks")
                    .advise("add `networks = [...]`, or remove it"),
            );
        }
        for network in one.networks.iter() {
            let it = unmapped(***network).trunc();
            if !named.insert(it) {
                desk.say(
                    Problem::error(network.span(), format!("{it} has limits of its own twice"))
                        .why("nobody could tell which of them count")
                        .advise("write all limits of a network into one [[limits.for]]"),
                );
            }
            overrides.push((it, own));
        }
    }
    overrides.sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix_len()));
    overrides
}

/// What one client may use: as `limits` says, but for what was written.
fn client(written: &file::LimitsFor, mut limits: ClientLimits, desk: &mut Desk<'_>) -> ClientLimits {
    take(&written.sessions_per_address, &mut limits.sessions_per_address, desk);
    take(&written.sessions_per_v6_64, &mut limits.sessions_per_v6_64, desk);
    take(&written.sessions_per_minute, &mut limits.sessions_per_minute, desk);
    take(&written.messages_per_minute, &mut limits.messages_per_minute, desk);
    take(
        &written.bad_recipients_per_hour,
        &mut limits.bad_recipients_per_hour,
        desk,
    );
    take(&written.recipients, &mut limits.recipients, desk);
    take(&written.errors_soft, &mut limits.errors_soft, desk);
    take(&written.errors_hard, &mut limits.errors_hard, desk);
    take(&written.auth_failures, &mut limits.auth_failures, desk);
    recipients(&written.recipients, desk);
    errors(&written.errors_soft, &written.errors_hard, &limits, desk);
    limits
}

fn text_line(octets: &At<Octets>, desk: &mut Desk<'_>) {
    if octets.0 < TEXT_LINE_MIN {
        desk.say(
            Problem::error(
                octets.span(),
                "lines of fewer than 78 octets let hardly any message through",
            )
            .advise("take it out to get 998"),
        );
    } else if octets.0 < TEXT_LINE {
        desk.say(
            Problem::warning(octets.span(), "a server takes lines of at least 998 octets")
                .why("RFC 5321 §4.5.3.1.6 lets senders rely on it"),
        );
    } else if octets.0 > TEXT_LINE {
        desk.say(
            Problem::warning(octets.span(), "other servers may refuse lines of more than 998 octets")
                .why("RFC 5321 §4.5.3.1.6 lets them; what we take has to go on to them as it is")
                .advise("let the grant of a device `tolerate = [\"long-lines\"]`: its lines are broken"),
        );
    }
}

fn take(written: &Count, limit: &mut u32, desk: &mut Desk<'_>) {
    let Some(count) = written else { return };
    if **count == 0 {
        desk.say(Problem::error(count.span(), "a limit of 0 lets nothing through").advise("write a number from 1 on"));
    }
    *limit = **count;
}

fn recipients(written: &Count, desk: &mut Desk<'_>) {
    if let Some(count) = written.as_ref().filter(|count| (1..RECIPIENTS_MIN).contains(&***count)) {
        desk.say(
            Problem::warning(count.span(), "a server takes at least 100 recipients of one message")
                .why("RFC 5321 §4.5.3.1.8 lets senders rely on it"),
        );
    }
}

fn errors(soft: &Count, hard: &Count, limits: &ClientLimits, desk: &mut Desk<'_>) {
    if limits.errors_soft <= limits.errors_hard {
        return;
    }
    if let Some(at) = soft.as_ref().or(hard.as_ref()).map(At::span) {
        let (soft, hard) = (limits.errors_soft, limits.errors_hard);
        desk.say(
            Problem::error(
                at,
                format!("answers are delayed from {soft} errors on, but {hard} end the session"),
            )
            .advise("let `errors_soft` be the smaller one"),
        );
    }
}

/// How delivery is tried.
pub(super) fn delivery(written: &file::Delivery, desk: &mut Desk<'_>) -> DeliverySettings {
    let minutes = |minutes: &u64| Duration::from_secs(minutes * 60);
    let schedule = lapses(&written.schedule).unwrap_or_else(|| SCHEDULE_MINUTES.iter().map(minutes).collect());
    let life_time = lapse(&written.life_time, 5 * 24 * HOUR);
    let notice_life_time = lapse(&written.notice_life_time, 24 * HOUR);
    let warn_after =
        lapses(&written.warn_after).unwrap_or_else(|| [4, 24].map(|hours| Duration::from_secs(hours * HOUR)).into());
    pauses(written, desk);
    late_warnings(written, life_time, desk);
    let mut settings = DeliverySettings {
        schedule,
        jitter_percent: written.jitter_percent.as_ref().map_or(10, |percent| **percent),
        life_time,
        notice_life_time,
        warn_after,
        connections_per_destination: 20,
        connections: 500,
    };
    if let Some(at) = written
        .jitter_percent
        .as_ref()
        .filter(|percent| ***percent > JITTER_PERCENT_MAX)
    {
        desk.say(Problem::error(
            at.span(),
            format!("pauses vary by {JITTER_PERCENT_MAX} percent at most"),
        ));
    }
    take(
        &written.connections_per_destination,
        &mut settings.connections_per_destination,
        desk,
    );
    take(&written.connections, &mut settings.connections, desk);
    settings
}

fn lapses(written: &Option<List<file::Lapse>>) -> Option<Vec<Duration>> {
    written.as_ref().map(|list| list.iter().map(|lapse| lapse.0).collect())
}

fn lapse(written: &Maybe<Text<file::Lapse>>, default_secs: u64) -> Duration {
    written
        .as_ref()
        .map_or(Duration::from_secs(default_secs), |lapse| lapse.0)
}

fn pauses(written: &file::Delivery, desk: &mut Desk<'_>) {
    let Some(schedule) = &written.schedule else { return };
    if schedule.is_empty() && !desk.is_spoiled(&["delivery", "schedule"]) {
        desk.say(
            Problem::error(None, "delivery.schedule is empty")
                .why("mail that is not taken at once would never be tried again")
                .advise("take it out to get 5m, 15m, 30m, 1h, 2h, 4h"),
        );
    }
    for pause in schedule.iter().filter(|pause| pause.0.is_zero()) {
        desk.say(Problem::error(
            pause.span(),
            "a pause of no time would hammer a server that is in trouble",
        ));
    }
}

fn late_warnings(written: &file::Delivery, life_time: Duration, desk: &mut Desk<'_>) {
    for warning in written
        .warn_after
        .iter()
        .flatten()
        .filter(|warning| warning.0 >= life_time)
    {
        desk.say(
            Problem::warning(
                warning.span(),
                "this warning never comes: the message has failed by then",
            )
            .advise("let it come before `life_time`"),
        );
    }
    if let Some(at) = written
        .life_time
        .as_ref()
        .filter(|life| life.0 < Duration::from_secs(24 * HOUR))
    {
        desk.say(
            Problem::warning(at.span(), "a message is given up in less than a day")
                .why("RFC 5321 §4.5.4.1 asks for four to five days, so that a broken server can be mended"),
        );
    }
}

/// Where queue and ledger live.
pub(super) fn storage(
    spool: &file::Spool,
    ledger: &file::Ledger,
    desk: &mut Desk<'_>,
) -> (SpoolSettings, LedgerSettings) {
    let dir = folder(&spool.dir, desk).unwrap_or_else(|| PathBuf::from(SPOOL_DIR));
    let beside = dir.parent().unwrap_or(Path::new("/")).join("ledger");
    let ledger_dir = folder(&ledger.dir, desk).unwrap_or(beside);
    if let Some(at) = ledger.dir.as_ref().filter(|_| ledger_dir == dir) {
        desk.say(Problem::error(at.span(), "the ledger cannot live in the spool's folder").advise("give it its own"));
    }
    if let Some(size) = spool
        .segment_size
        .as_ref()
        .filter(|size| !SEGMENT_RANGE.contains(&size.0))
    {
        desk.say(Problem::error(size.span(), "a segment has between 1 MiB and 4 GiB"));
    }
    let octets = |written: &Maybe<Octets>, default| written.as_ref().map_or(default, |size| size.0);
    let usual = spool::Config::new(&dir);
    let segment_octets = octets(&spool.segment_size, usual.segment_octets);
    let spool = SpoolSettings {
        dir,
        segment_octets,
        keep_free_octets: octets(&spool.keep_free, usual.keep_free_octets),
        spill_octets: usual.spill_octets,
        // Two segments, as usual: who has small ones wants quick restarts.
        checkpoint_every_octets: segment_octets.saturating_mul(2),
        cold_after: usual.cold_after,
    };
    let anchors = anchors(ledger, &[&ledger_dir, &spool.dir], desk);
    let syslog = syslog(ledger, desk);
    let ledger = LedgerSettings {
        dir: ledger_dir,
        anchors,
        syslog,
        keep: keep(ledger, desk),
    };
    (spool, ledger)
}

/// How long the ledger is kept.
fn keep(ledger: &file::Ledger, desk: &mut Desk<'_>) -> Keeping {
    let Some(written) = &ledger.keep else {
        return Keeping::months(12).unwrap_or(Keeping::FOREVER);
    };
    match written.lapse() {
        Some(lapse) if lapse < Duration::from_secs(24 * HOUR) => desk.say(
            Problem::error(
                written.span(),
                "a ledger that is kept for less than a day tells nobody anything",
            )
            .advise("take it out to get 12 months"),
        ),
        Some(lapse) if lapse < Duration::from_secs(KEEP_DAYS_MIN * 24 * HOUR) => desk.say(
            Problem::warning(
                written.span(),
                format!("what was decided is forgotten within {KEEP_DAYS_MIN} days"),
            )
            .why("most misuse is noticed later than that; `why`, `trace` and `replay` know no more than this"),
        ),
        _ => {}
    }
    ***written
}

/// Where anchors are written: worth something where these folders are not.
fn anchors(ledger: &file::Ledger, ours: &[&Path], desk: &mut Desk<'_>) -> Option<PathBuf> {
    let written = ledger.anchors.as_ref()?;
    let path = desk.path(written);
    if path.is_dir() {
        desk.say(Problem::error(written.span(), "this is a folder").advise("name a file in it"));
    } else if ours.iter().any(|ours| path.starts_with(ours)) {
        desk.say(
            Problem::error(
                written.span(),
                "anchors are to lie in another place than what they vouch for",
            )
            .advise("name a file on another machine's disk, or take it out"),
        );
    } else if !path.parent().is_some_and(Path::is_dir) {
        desk.say(
            Problem::warning(written.span(), "the folder of this file is not there")
                .why("it is not made, as it may be a disk that is not mounted; the gate tries again every few seconds"),
        );
    }
    Some(path)
}

fn syslog(ledger: &file::Ledger, desk: &mut Desk<'_>) -> Option<PathBuf> {
    let wanted = ledger.syslog.as_ref().is_some_and(|wanted| **wanted);
    let socket = ledger.syslog_socket.as_ref();
    if let Some(at) = socket.filter(|_| !wanted) {
        desk.say(
            Problem::warning(at.span(), "nothing is sent to syslog").advise("add `syslog = true`, or take this out"),
        );
    }
    wanted.then(|| socket.map_or_else(|| PathBuf::from(SYSLOG), |socket| desk.path(socket)))
}

fn folder(written: &Maybe<PathBuf>, desk: &mut Desk<'_>) -> Option<PathBuf> {
    let written = written.as_ref()?;
    let path = desk.path(written);
    if path.exists() && !path.is_dir() {
        desk.say(Problem::error(written.span(), "this is no folder"));
    }
    Some(path)
}

/// Whom we ask about names.
pub(super) fn dns(written: &file::Dns) -> DnsSettings {
    if written.servers.is_empty() {
        DnsSettings::System
    } else {
        DnsSettings::Servers(values(&written.servers))
    }
}

/// What is logged, and how.
pub(super) fn log(written: &file::Log) -> LogSettings {
    LogSettings {
        format: written.format.as_ref().map_or(LogFormat::Json, |format| **format),
        level: written.level.as_ref().map_or(LogLevel::Info, |level| **level),
    }
}
