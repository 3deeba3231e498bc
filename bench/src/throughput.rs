//! One run of a throughput row: a fresh server, a warm-up, the load, and a look whether all of it is there.

use std::time::{Duration, Instant};

use anyhow::bail;

use crate::generator;
use crate::load::{self, Load};
use crate::rig::Rig;
use crate::rows::Throughput;
use crate::server::{Contender, Server, Setup};
use crate::sink::Sink;

/// What a server does with what it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Keep it.
    Hold,
    /// Hand it on to a sink.
    Relay,
}

/// Whose load it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// `smtp-source`.
    SmtpSource,
    /// Our own generator.
    Own,
    /// Our own generator, under STARTTLS.
    OwnTls,
}

/// What a run gave.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Messages per second.
    pub rate: f64,
    /// Seconds of CPU per thousand messages, of the server alone.
    pub cpu: Option<f64>,
}

/// A run may take this much longer than it should before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(120);
/// What a server does a moment later (its log, its ledger) belongs to its CPU time.
const AFTERWARDS: Duration = Duration::from_millis(1200);

/// A server in the middle of a run.
struct Run<'r> {
    rig: &'r Rig,
    server: Server,
    sink: Option<Sink>,
    load: &'r Load,
    via: Via,
    sent: usize,
}

/// Measures one contender.
pub async fn measure(rig: &Rig, contender: Contender, spec: &Throughput, messages: usize) -> anyhow::Result<Sample> {
    let mut run = Run::start(rig, contender, spec, None).await?;
    run.send((messages / 8).max(2 * spec.load.sessions)).await?;
    let cpu_before = match spec.cpu {
        Some(_) if contender != Contender::Roof => Some(run.cpu_secs_afterwards().await?),
        _ => None,
    };
    let began = Instant::now();
    let ended = run.send(messages).await?;
    let rate = messages as f64 / ended.duration_since(began).as_secs_f64();
    let cpu = match cpu_before {
        Some(before) => Some((run.cpu_secs_afterwards().await? - before) / messages as f64 * 1000.0),
        None => None,
    };
    run.stop(contender).await?;
    Ok(Sample { rate, cpu })
}

/// How many messages a second it takes, roughly: so that runs last as long as they should.
pub async fn calibrate(rig: &Rig, contender: Contender, spec: &Throughput, seconds: f64) -> anyhow::Result<f64> {
    let messages = (20 * spec.load.sessions)
        .clamp(100, 1000)
        .min((seconds * 1000.0) as usize)
        .max(spec.load.sessions);
    let mut run = Run::start(rig, contender, spec, None).await?;
    run.send(messages).await?;
    let began = Instant::now();
    let ended = run.send(messages).await?;
    run.stop(contender).await?;
    Ok(messages as f64 / ended.duration_since(began).as_secs_f64())
}

/// Syncs per message, in a run that is not timed.
pub async fn syncs(rig: &Rig, contender: Contender, spec: &Throughput, messages: usize) -> anyhow::Result<Option<f64>> {
    let folder = rig.folder("trace")?;
    let trace = folder.path().join("syncs");
    let mut run = Run::start(rig, contender, spec, Some(trace.clone())).await?;
    run.send(messages).await?;
    run.stop(contender).await?;
    Ok(crate::syncs::count(&trace)?.map(|syncs| syncs as f64 / messages as f64))
}

impl<'r> Run<'r> {
    async fn start(
        rig: &'r Rig,
        contender: Contender,
        spec: &'r Throughput,
        trace: Option<std::path::PathBuf>,
    ) -> anyhow::Result<Self> {
        let Throughput { load, then, via, .. } = spec;
        let sink = match then {
            Then::Relay if contender != Contender::Roof => Some(Sink::start(rig, load.sessions)?),
            _ => None,
        };
        let setup = Setup {
            hold: *then == Then::Hold,
            relay_to: sink.as_ref().map(|sink| sink.address),
            sessions: load.sessions,
            certificate: None,
            trace,
        };
        let server = Server::start(contender, rig, &setup).await?;
        Ok(Self {
            rig,
            server,
            sink,
            load,
            via: *via,
            sent: 0,
        })
    }

    /// Sends messages; when the last of them was acknowledged, or arrived at the sink.
    async fn send(&mut self, messages: usize) -> anyhow::Result<Instant> {
        let acknowledged = match self.acknowledged(messages).await {
            Ok(at) => at,
            Err(why) => bail!("{why:#}\n{}", self.server.log_tail()),
        };
        self.sent += messages;
        match &mut self.sink {
            Some(sink) => match sink.arrived(self.sent, PATIENCE).await {
                Ok(at) => Ok(at),
                Err(why) => bail!("{why}\n{}", self.server.log_tail()),
            },
            None => Ok(acknowledged),
        }
    }

    async fn acknowledged(&self, messages: usize) -> anyhow::Result<Instant> {
        let to = self.server.address;
        if self.via == Via::SmtpSource {
            return load::send(self.rig, to, self.load, messages, PATIENCE).await;
        }
        let tls = (self.via == Via::OwnTls).then(|| self.rig.certificate.clone());
        let sent = generator::send(to, *self.load, messages, tls, PATIENCE).await?;
        Ok(sent.ended)
    }

    /// What the server has used when nothing is left to do.
    async fn cpu_secs_afterwards(&self) -> anyhow::Result<f64> {
        if self.sink.is_some() {
            self.server.drained().await?;
        }
        tokio::time::sleep(AFTERWARDS).await;
        Ok(self.server.cpu_secs())
    }

    /// Ends it, and compares what was acknowledged with what is there.
    async fn stop(self, contender: Contender) -> anyhow::Result<()> {
        let (there, place) = match self.sink {
            Some(mut sink) => {
                self.server.drained().await?;
                let count = sink.count().await;
                sink.stop().await?;
                (count, "arrived at the sink")
            }
            None if contender == Contender::Roof => (self.sent, "sent"),
            None => (self.server.queued().await?, "are in the queue"),
        };
        if there != self.sent {
            bail!(
                "{} acknowledged {} messages, but {there} {place}",
                contender.name(),
                self.sent
            );
        }
        self.server.stop().await
    }
}
