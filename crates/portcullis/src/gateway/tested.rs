//! The relay self-test of what serves, and the way back where a change made it fail.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Weak};

use policy::{Generation, Name};
use smtp::server::Transport;

use super::{Live, recorded, reload};
use crate::change::{Decided, Keeper, Refused};
use crate::config::{self, Change, Machine};
use crate::control::SelfTest;
use crate::generations::{self, Came, What, Wish};
use crate::selftest::{self, Door, Finding, Report};

/// Listeners that let nobody in.
pub(super) type Failing = BTreeSet<(Name, SocketAddr)>;

/// What the self-test follows on.
pub(super) enum After {
    /// A start, or a return: there is nothing to return to.
    Start,
    /// A change, before which these let nobody in already.
    Change(Failing),
}

/// Tests what serves from now on, beside everything else. A test of what served before ends.
pub(super) fn begin(live: &Arc<Live>, after: After) {
    if live.keeper.is_none() {
        return;
    }
    let weak = Arc::downgrade(live);
    let task = tokio::spawn(async move {
        if let Some(live) = weak.upgrade() {
            test_and_judge(&live, after).await;
        }
    });
    if let Some(former) = live.testing.lock().replace(task.abort_handle()) {
        former.abort();
    }
}

/// Ends a test that is under way.
pub(super) fn end(live: &Live) {
    if let Some(test) = live.testing.lock().take() {
        test.abort();
    }
}

/// A test for whoever asks for one.
pub(super) fn callback(live: &Arc<Live>) -> SelfTest {
    let live: Weak<Live> = Arc::downgrade(live);
    Arc::new(move || {
        let live = live.upgrade();
        Box::pin(async move {
            match live {
                Some(live) => {
                    let (generation, report) = test(&live).await;
                    testify(&live, report.testimony(generation, "operator", None)).await;
                    Ok(report)
                }
                None => Err("the gateway is stopping".to_owned()),
            }
        })
    })
}

/// Who lets nobody in, before a change that will be tested: it is not to blame for them.
pub(super) async fn failing(live: &Live) -> Failing {
    match &live.keeper {
        Some(_) => {
            let snapshot = live.admission.snapshot();
            selftest::failing(&live.world, snapshot.rulebook(), doors(live)).await
        }
        None => Failing::new(),
    }
}

/// What is bound and still declared: what is gone refuses everybody until the next start.
fn doors(live: &Live) -> Vec<Door> {
    let snapshot = live.admission.snapshot();
    let declared = live.listeners.iter().zip(&live.bound);
    let doors = declared.filter_map(|((name, settings), address)| {
        snapshot.listener_named(name)?;
        let settings = settings.load();
        Some(Door {
            name: name.clone(),
            address: *address,
            implicit_tls: settings.transport == Transport::ImplicitTls,
            proxies: settings.proxies.clone(),
        })
    });
    doors.collect()
}

/// Tests, and tells the metrics and the history.
async fn test(live: &Live) -> (Generation, Report) {
    let snapshot = live.admission.snapshot();
    let generation = snapshot.generation();
    let report = selftest::run(&live.world, snapshot.rulebook(), doors(live), Some(&live.gate)).await;
    let recorder = &live.recorder;
    let refused = report.refused + report.put_off;
    recorder.metrics.tested(report.is_green(), refused as u64);
    for found in &report.found {
        tracing::error!(event = "selftest.red", generation = generation.0, what = %found, "what must not be is so");
    }
    let what = What::Tested {
        green: report.is_green(),
        text: report.to_string(),
    };
    recorded::note(live, generation, what).await;
    (generation, report)
}

async fn testify(live: &Live, tested: ledger::SelfTested) {
    live.recorder.testify(ledger::Event::SelfTested(Box::new(tested))).await;
}

async fn test_and_judge(live: &Arc<Live>, after: After) {
    let (generation, report) = test(live).await;
    let After::Change(failed_before) = after else {
        return testify(live, report.testimony(generation, "start", None)).await;
    };
    let is_new = |found: &&selftest::Found| match found.what {
        Finding::Relays { .. } => true,
        Finding::Fails(_) => !failed_before.contains(&(found.listener.clone(), found.address)),
    };
    let Some(found) = report.found.iter().find(is_new) else {
        return testify(live, report.testimony(generation, "change", None)).await;
    };
    let returned = return_from(live, generation, &found.to_string()).await;
    let done = match &returned {
        Ok(said) => said.clone(),
        Err(why) => Some(format!("nothing: {why}")),
    };
    testify(live, report.testimony(generation, "change", done.as_deref())).await;
    match returned {
        Ok(Some(said)) => {
            tracing::error!(
                event = "config.returned",
                failed = generation.0,
                why = %found,
                "{said}; the file still says what failed: mend it before the next start"
            );
            begin(live, After::Start);
        }
        Ok(None) => {}
        Err(why) => tracing::error!(
            event = "config.not_returned",
            failed = generation.0,
            %why,
            "the self-test failed and the configuration stays; somebody has to look now"
        ),
    }
}

/// Lets the text of the former generation serve again, unless it lets in what the present one refuses. `None` where
/// another one serves by now.
async fn return_from(live: &Arc<Live>, failed: Generation, why: &str) -> Result<Option<String>, String> {
    let _turn = live.reloading.lock().await;
    let serving = live.rulebooks.declared();
    let Some(keeper) = live.keeper.clone().filter(|_| serving.generation() == failed) else {
        return Ok(None);
    };
    let (machine, why) = (Machine::look(live.admission.now()), why.to_owned());
    let work = move || former(&keeper, &serving, &machine, &why);
    let (of, decided) = tokio::task::spawn_blocking(work)
        .await
        .map_err(|why| why.to_string())??;
    let wish = Wish::of(Came::Return { of, from: failed.0 });
    let config = decided.passed.config.clone();
    let served = reload::serve(live, &config, Some(decided), wish).await;
    served.map(Some).map_err(|why| why.to_string())
}

/// The text of the former generation, judged.
fn former(keeper: &Keeper, serving: &policy::Snapshot, machine: &Machine, why: &str) -> Result<(u64, Decided), String> {
    let failed = serving.generation().0;
    let store = keeper.generations();
    let record = store.record(failed).map_err(|why| why.to_string())?;
    let of = record.former.ok_or("nothing served before it")?;
    let text = |number| store.text(number).map_err(|why| why.to_string());
    let change = Change {
        author: "portcullis".to_owned(),
        reason: format!("return to generation {of}: the self-test failed under generation {failed}: {why}"),
    };
    let (text, _) = generations::compose(&text(of)?, &text(failed)?, &change).map_err(|why| why.to_string())?;
    let file = record.written.file.unwrap_or_default();
    let folder = file.parent().unwrap_or(Path::new("/"));
    let reading = config::read(&file.display().to_string(), text, folder, machine);
    let config = reading
        .config
        .ok_or_else(|| format!("generation {of} has errors by now\n{}", reading.report.render()))?;
    let source = reading.report.source();
    let judged = keeper.judge_reload(serving, source.name(), &config, source.text(), machine.now);
    let decided = judged.map_err(|refused: Refused| format!("generation {of} may not serve: {refused}"))?;
    let gained = decided.passed.diff.as_ref().map_or(&[][..], |diff| &diff.gained);
    match gained.first() {
        None => Ok((of, decided)),
        Some(flow) => Err(format!(
            "generation {of} lets in what generation {failed} refuses, so it is for an operator to decide: {flow}"
        )),
    }
}
