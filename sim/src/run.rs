//! One run: from a seed to what the checkers say of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use portcullis::control::{Act, Asked, Select};
use tokio::task::JoinSet;
use tokio::time::Instant;
use world::Clock;
use world::sim::disk::{Fate, SimDisk};
use world::sim::{Fault, GENESIS, SimClock, SimNet};

use crate::checks::{self, Finding};
use crate::chronicle::{Chronicle, Story, Way};
use crate::clients::{Town, crowd};
use crate::house::{House, NeverStarts};
use crate::marks::Marks;
use crate::names::Names;
use crate::papers::Papers;
use crate::peers::{PeerMischief, Peers};
use crate::process::{DiskLie, Ground};
use crate::town::{Door, PLACES};
use crate::weather::{Deed, Plan};

/// How long clients may go on in fine weather.
const LAST_CLIENTS: Duration = Duration::from_secs(4 * 3600);
/// How long the queue may take to empty in fine weather: the life time of a message, and of its notice, and some.
const DRAINING: Duration = Duration::from_secs(8 * 86_400);
/// How often the queue is looked at while it empties.
const LOOK: Duration = Duration::from_secs(600);
/// How often it is looked at in bad weather.
const LOOK_CLOSELY: Duration = Duration::from_secs(20);

/// What a test changes, to see that somebody notices.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mischief {
    /// The disk lies.
    pub disk: DiskLie,
    /// The peers do what nothing explains.
    pub peers: PeerMischief,
    /// The story is changed before the checkers read it.
    pub story: Option<fn(&mut Story)>,
}

/// What came of a run.
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// What happened.
    pub story: Story,
    /// What the checkers found.
    pub findings: Vec<Finding>,
    /// What was seen.
    pub marks: Marks,
    /// How much virtual time went by.
    pub lasted: Duration,
}

impl Outcome {
    /// One line that says what the run was.
    #[must_use]
    pub fn summary(&self) -> String {
        let story = &self.story;
        let taken = story.transmissions.iter().filter(|one| one.is_taken()).count();
        format!(
            "{:.1} days, {} messages ({taken} taken), {} refusals, {} arrivals, {} blows, {} lives, {} left in the queue",
            self.lasted.as_secs_f64() / 86_400.0,
            story.transmissions.len(),
            story.refusals.len(),
            story.arrivals.len(),
            story.blows.len(),
            story.lives.len(),
            story.queued.len(),
        )
    }
}

impl Outcome {
    /// The story of the message a finding is about: what its client and the peers saw, and what the ledger says.
    #[must_use]
    pub fn story_of(&self, finding: &Finding) -> String {
        let Some(one) = finding
            .number
            .and_then(|number| self.story.transmissions.iter().find(|one| one.number == number))
        else {
            return String::new();
        };
        let mut lines = vec![format!(
            "    {} at {:?} as {:?} from <{}> to {:?}, ended {:?}, verdict {:?}",
            one.client,
            one.door,
            one.login,
            one.from,
            one.to,
            one.ended.map(|when| when.at),
            one.verdict
        )];
        let id = one.id().unwrap_or("no id");
        let arrived = self
            .story
            .arrivals
            .iter()
            .filter(|arrival| checks::is_about(arrival, one.number));
        lines.extend(arrived.map(|arrival| {
            let at = arrival.when.at.as_secs_f64();
            format!(
                "    {at:.3} {} has it for {:?}: {:?}, port {}",
                arrival.peer, arrival.to, arrival.answered, arrival.port
            )
        }));
        lines.extend(
            checks::testimony(&self.story, id)
                .into_iter()
                .map(|line| format!("    {line}")),
        );
        lines.join("\n")
    }
}

/// Runs one seed.
///
/// # Errors
/// What a run is made of could not be made: a folder, a certificate.
pub fn run(seed: u64, papers: &Arc<Papers>, mischief: Mischief) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()?;
    runtime.block_on(live(seed, papers.clone(), mischief))
}

async fn live(seed: u64, papers: Arc<Papers>, mischief: Mischief) -> anyhow::Result<Outcome> {
    let plan = Plan::of(seed);
    let clock = Arc::new(SimClock::new(GENESIS));
    let chronicle = Chronicle::new(clock.clone());
    let ground = Ground {
        clock,
        net: SimNet::new(),
        disk: SimDisk::new(),
        chronicle: chronicle.clone(),
    };
    ground.net.set_latency(plan.latency);
    let names = Names::new(seed, chronicle.clone())?;
    let peers = Peers::new(seed, &papers, chronicle.clone(), mischief.peers)?;
    for place in PLACES {
        peers.open(place, &ground.net).await?;
    }
    let town = Town {
        net: ground.net.clone(),
        chronicle: chronicle.clone(),
        tls: papers.client()?,
    };
    let house = House::new(seed, papers, ground, names, mischief.disk)?;
    let mut run = Run {
        plan,
        house,
        peers,
        chronicle,
        findings: Vec::new(),
        outage: None,
        gone: false,
        mischief,
    };
    match run.whole(town).await {
        Ok(()) => {}
        Err(Stopped::Gateway(NeverStarts(why))) => {
            run.gone_for_good(&format!("the gateway does not start any more: {why}"))
        }
        Err(Stopped::Run(why)) => return Err(why),
    }
    Ok(run.judged(seed))
}

struct Run {
    plan: Plan,
    house: House,
    peers: Peers,
    chronicle: Chronicle,
    findings: Vec<Finding>,
    /// How long the power stays away when it goes behind an operation of the disk.
    outage: Option<Duration>,
    /// The gateway does not start any more.
    gone: bool,
    mischief: Mischief,
}

/// What may end a run before its time: the gateway, or what the run is made of.
enum Stopped {
    Gateway(NeverStarts),
    Run(anyhow::Error),
}

impl From<NeverStarts> for Stopped {
    fn from(why: NeverStarts) -> Self {
        Self::Gateway(why)
    }
}

impl From<anyhow::Error> for Stopped {
    fn from(why: anyhow::Error) -> Self {
        Self::Run(why)
    }
}

impl Run {
    async fn whole(&mut self, town: Town) -> Result<(), Stopped> {
        self.house.move_in()?;
        self.house.start().await?;
        let mut clients = JoinSet::new();
        for session in crowd(self.house.seed, self.plan.sessions, self.plan.span) {
            let town = town.clone();
            clients.spawn(async move {
                tokio::time::sleep(session.at).await;
                town.visit(session).await;
            });
        }
        self.bad_weather().await?;
        self.fine_weather(clients).await?;
        self.empties().await;
        self.last_look().await?;
        Ok(())
    }

    async fn bad_weather(&mut self) -> Result<(), Stopped> {
        let begun = Instant::now();
        let mut deeds = std::mem::take(&mut self.plan.deeds).into_iter().peekable();
        while begun.elapsed() < self.plan.span || deeds.peek().is_some() {
            let now = begun.elapsed();
            let next = deeds
                .peek()
                .map_or(self.plan.span, |(at, _)| *at)
                .clamp(now, now + LOOK_CLOSELY);
            if self.dies_before(begun + next).await {
                self.power_went().await?;
            }
            self.house.look();
            while let Some((_, deed)) = deeds.next_if(|(at, _)| *at <= begun.elapsed()) {
                self.carry_out(deed).await?;
            }
        }
        Ok(())
    }

    /// Waits; says whether the gateway died meanwhile.
    async fn dies_before(&self, until: Instant) -> bool {
        let Some(living) = &self.house.living else {
            return false;
        };
        tokio::select! {
            biased;
            () = living.process.death() => true,
            () = tokio::time::sleep_until(until) => false,
        }
    }

    /// The power went behind an operation of the disk, as was planned.
    async fn power_went(&mut self) -> Result<(), NeverStarts> {
        self.chronicle.blow("power-mid-operation", None);
        let down = self.outage.take().unwrap_or(Duration::from_secs(1));
        self.ends_and_comes_back("power", false, down).await
    }

    async fn ends_and_comes_back(
        &mut self,
        how: &'static str,
        lingers: bool,
        down: Duration,
    ) -> Result<(), NeverStarts> {
        self.house.end(how, lingers);
        tokio::time::sleep(down).await;
        self.house.start().await
    }

    async fn carry_out(&mut self, deed: Deed) -> Result<(), Stopped> {
        match deed {
            Deed::Kill { down, lingers } => {
                self.chronicle
                    .blow(if lingers { "kill-lingering" } else { "kill" }, None);
                self.ends_and_comes_back("kill", lingers, down).await?;
            }
            Deed::Power { fate, down } => {
                self.chronicle.blow(fate_name(fate), None);
                if let Some(living) = &self.house.living {
                    living.process.cut_power(fate);
                }
                self.ends_and_comes_back("power", false, down).await?;
            }
            Deed::PowerBehind { nth, fate, down } => {
                if let Some(living) = &self.house.living {
                    living.process.cut_power_behind(nth, fate);
                    self.outage = Some(down);
                }
            }
            Deed::Disk { kind, nth, fault } => self.house.disk().fail(kind, nth, fault),
            Deed::Room(octets) => self.house.disk().set_free(octets),
            Deed::Slow(by) => {
                if let Some(living) = &self.house.living {
                    living.process.slow_down(by);
                }
            }
            Deed::Clock(by) => self.set_clock(by),
            Deed::Lines { how, percent } => {
                if let Some(living) = &self.house.living {
                    let dice = &self.house.dice;
                    living.process.break_lines(how, || dice.chance(percent));
                }
            }
            Deed::Way { to, fault } => self.way(to, fault)?,
            Deed::Names(percent) => self.house.names.trouble(percent),
            Deed::Move => self.house.names.move_on(),
            Deed::Peers(percent) => self.peers.misbehave(percent),
            Deed::Rules(change) => self.house.change_rules(change).await?,
            Deed::Order(act) => self.house.order(act).await,
        }
        Ok(())
    }

    fn set_clock(&self, by: i64) {
        self.chronicle
            .blow(if by < 0 { "clock-back" } else { "clock-forward" }, None);
        let clock = &self.house.ground.clock;
        clock.set_wall(clock.wall() + by);
    }

    fn way(&self, to: &'static str, fault: Option<Fault>) -> anyhow::Result<()> {
        let at: SocketAddr = if to.contains(':') {
            to.parse()?
        } else {
            SocketAddr::new(to.parse()?, 25)
        };
        self.house.ground.net.set_fault(at, fault);
        let now = self.chronicle.now();
        let mut story = self.chronicle.story();
        for way in story.ways.iter_mut().filter(|way| way.to == to) {
            way.until.get_or_insert(now);
        }
        let Some(fault) = fault else { return Ok(()) };
        story.ways.push(Way {
            to,
            from: now,
            until: None,
        });
        drop(story);
        let name = match fault {
            Fault::Refuse => "net-refuse",
            Fault::Hang => "net-hang",
            Fault::ResetAfter(_) => "net-reset-after",
            Fault::StallAfter(_) => "net-stall-after",
        };
        self.chronicle.blow(name, None);
        Ok(())
    }

    /// Everything is whole again, and stays so; clients finish, and the operator lets go of what is held.
    async fn fine_weather(&mut self, mut clients: JoinSet<()>) -> Result<(), Stopped> {
        self.chronicle.say("the weather turns fine");
        for place in PLACES {
            self.way(place.ip, None)?;
        }
        for door in Door::ALL {
            self.way(door.address(), None)?;
        }
        self.house.names.trouble(0);
        self.peers.misbehave(0);
        self.house.disk().mend();
        self.house.disk().set_free(None);
        if self.house.let_go() {
            // What was locked while the others lived on is found by whoever starts next.
            self.house.stop().await;
            self.house.start().await?;
        }
        if let Some(living) = &self.house.living {
            living.process.keep_power();
            living.process.slow_down(Duration::ZERO);
            living.process.mend_lines();
        }
        let everybody = async { while clients.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_CLIENTS, everybody).await.is_err() {
            self.finding("clients are still waiting hours after the weather turned fine");
        }
        for selector in self.house.suspended() {
            self.house
                .ask(
                    "resume",
                    Asked::Resume {
                        select: Select::of(&selector),
                    },
                )
                .await;
        }
        let release = Asked::Change {
            select: Select::All,
            act: Act::Release,
            reason: None,
        };
        self.house.ask("release", release).await;
        Ok(())
    }

    /// Whatever is not held leaves, one way or the other, within the life time of a message.
    async fn empties(&mut self) {
        let begun = Instant::now();
        while let Some(left) = self.house.unsettled().filter(|left| *left > 0) {
            if begun.elapsed() > DRAINING {
                self.finding(&format!(
                    "{left} recipients are still to be served after days of fine weather"
                ));
                return;
            }
            self.house.look();
            tokio::time::sleep(LOOK).await;
        }
    }

    fn finding(&mut self, what: &str) {
        self.findings.push(Finding::new("recovers", None, what));
    }

    fn gone_for_good(&mut self, what: &str) {
        self.gone = true;
        self.finding(what);
    }

    /// Stops in good order, starts once more, and writes down what is left; nothing may have changed by that.
    async fn last_look(&mut self) -> Result<(), Stopped> {
        let before = self.house.queued();
        self.house.stop().await;
        self.house.start().await?;
        let after = self.house.queued();
        if before != after {
            self.finding(&format!(
                "a stop and a start changed the queue from {before:?} to {after:?}"
            ));
        }
        self.house.stop().await;
        let ledger = self.house.ledger();
        let mut story = self.chronicle.story();
        story.queued = after;
        story.ledger = ledger;
        Ok(())
    }

    fn judged(self, seed: u64) -> Outcome {
        let lasted = self.chronicle.now().at;
        let mut story = std::mem::take(&mut *self.chronicle.story());
        if let Some(change) = self.mischief.story {
            change(&mut story);
        }
        let mut findings = self.findings;
        // Where the gateway does not come back, all the others would only say so again, each in its own words.
        if !self.gone {
            findings.extend(checks::all(&story));
        }
        let mut marks = self.house.marks;
        checks::marks(&story, &mut marks);
        Outcome {
            seed,
            story,
            findings,
            marks,
            lasted,
        }
    }
}

fn fate_name(fate: Fate) -> &'static str {
    match fate {
        Fate::Forget => "power-forget",
        Fate::Keep => "power-keep",
        Fate::Names => "power-names",
        Fate::Contents => "power-contents",
        Fate::Chance(_) | Fate::Torn(..) => "power-chance",
    }
}
