//! The three that take mail in turn: Portcullis, Postfix, and the roof, which takes it and stores nothing.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::rig::{Certificate, Rig, free_port};
use crate::{portcullis, postfix, procs};

/// How long a server may take to greet, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who takes the mail of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contender {
    /// `smtp-sink`: what generator, sockets and scheduler allow on this machine.
    Roof,
    /// What we measure.
    Portcullis,
    /// What we compare with.
    Postfix,
}

impl Contender {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Roof => "roof",
            Self::Portcullis => "portcullis",
            Self::Postfix => "postfix",
        }
    }
}

/// What a run asks of its server.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Accepted mail is kept and not delivered.
    pub hold: bool,
    /// Where accepted mail goes.
    pub relay_to: Option<SocketAddr>,
    /// Sessions that will be open at once.
    pub sessions: usize,
    /// What it shows under STARTTLS.
    pub certificate: Option<Certificate>,
    /// Where its syncs are written down, as `strace` sees them.
    pub trace: Option<PathBuf>,
}

/// A running server with folders of its own; it ends when this is dropped.
pub struct Server {
    contender: Contender,
    /// Where it listens.
    pub address: SocketAddr,
    /// All its processes descend from this one.
    pub pid: u32,
    portcullis: PathBuf,
    child: Option<Child>,
    tracer: Option<Child>,
    dir: tempfile::TempDir,
}

impl Server {
    /// Starts one and waits until it greets.
    pub async fn start(contender: Contender, rig: &Rig, setup: &Setup) -> anyhow::Result<Self> {
        let dir = rig.folder(contender.name())?;
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
        let mut setup = setup.clone();
        setup.certificate.get_or_insert_with(|| rig.certificate.clone());
        let mut server = Self {
            contender,
            address: SocketAddr::from(([127, 0, 0, 1], free_port()?)),
            pid: 0,
            portcullis: rig.portcullis.clone(),
            child: None,
            tracer: None,
            dir,
        };
        match contender {
            Contender::Roof => server.start_roof(rig, &setup)?,
            Contender::Portcullis => server.start_portcullis(&setup).await?,
            Contender::Postfix => server.start_postfix(rig, &setup).await?,
        }
        if let Err(why) = server.greets().await {
            bail!("{} did not start: {why}\n{}", contender.name(), server.log_tail());
        }
        if contender == Contender::Portcullis {
            server.has_tested_itself().await?;
        }
        if setup.hold && contender == Contender::Portcullis {
            portcullis::queue(&server.portcullis, server.dir.path(), &["suspend", "--all"]).await?;
        }
        Ok(server)
    }

    fn start_roof(&mut self, rig: &Rig, setup: &Setup) -> anyhow::Result<()> {
        let child = crate::sink::command(rig, &[], self.address, setup.sessions)
            .spawn()
            .context("smtp-sink")?;
        self.pid = child.id().context("smtp-sink has ended")?;
        self.child = Some(child);
        Ok(())
    }

    async fn start_portcullis(&mut self, setup: &Setup) -> anyhow::Result<()> {
        let dir = self.dir.path();
        let config = portcullis::write(dir, self.address.port(), free_port()?, setup)?;
        let child = self.spawn_portcullis(traced(setup, &self.portcullis), &config)?;
        let pid = child.id().context("it has ended")?;
        if setup.trace.is_some() {
            self.tracer = Some(child);
            self.pid = traced_pid(pid, &self.portcullis).await?;
        } else {
            self.child = Some(child);
            self.pid = pid;
        }
        Ok(())
    }

    async fn start_postfix(&mut self, rig: &Rig, setup: &Setup) -> anyhow::Result<()> {
        let dir = self.dir.path();
        postfix::write(&rig.postfix, dir, self.address.port(), setup)?;
        let plain = rig.postfix.command("postfix");
        let mut command = traced(setup, Path::new(plain.get_program()));
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.arg("-c").arg(dir.join("etc")).arg("start");
        let log = fs::File::create(dir.join("start.log"))?;
        command
            .stdin(Stdio::null())
            .stderr(log.try_clone()?)
            .stdout(log)
            .kill_on_drop(true);
        let mut child = command.spawn().context("postfix")?;
        if setup.trace.is_some() {
            self.tracer = Some(child);
        } else if !child.wait().await?.success() {
            bail!("Postfix did not start:\n{}", self.log_tail());
        }
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(pid) = postfix::master_pid(dir) {
                self.pid = pid;
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("Postfix did not start:\n{}", self.log_tail())
    }

    async fn greets(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            match greeting(self.address).await {
                Ok(()) => return Ok(()),
                Err(why) if began.elapsed() > PATIENCE => return Err(why),
                Err(_) => {}
            }
            if let Some(ended) = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten()) {
                bail!("it ended with {ended}");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until Portcullis has tried its own doors, which it does at each start and not for each message.
    async fn has_tested_itself(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        while !fs::read_to_string(self.dir.path().join("log"))?.contains("selftest.done") {
            if began.elapsed() > PATIENCE {
                bail!("the self-test did not end:\n{}", self.log_tail());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Ends Portcullis in good order and starts it again with the folders it had; when it was started, once it greets.
    pub async fn restart(&mut self) -> anyhow::Result<Instant> {
        self.end();
        if let Some(mut child) = self.child.take() {
            child.wait().await?;
        }
        let config = self.dir.path().join("portcullis.toml");
        let began = Instant::now();
        self.child = Some(self.spawn_portcullis(Command::new(&self.portcullis), &config)?);
        self.pid = self.child.as_ref().and_then(Child::id).context("it has ended")?;
        self.greets().await?;
        Ok(began)
    }

    fn spawn_portcullis(&self, mut command: Command, config: &Path) -> anyhow::Result<Child> {
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.dir.path().join("log"))?;
        command.arg("serve").arg("--config").arg(config);
        command
            .stdin(Stdio::null())
            .stderr(log.try_clone()?)
            .stdout(log)
            .kill_on_drop(true);
        command.spawn().with_context(|| self.portcullis.display().to_string())
    }

    /// Messages in its queue.
    pub async fn queued(&self) -> anyhow::Result<usize> {
        match self.contender {
            Contender::Roof => Ok(0),
            Contender::Portcullis => portcullis::queued(&self.portcullis, self.dir.path()).await,
            Contender::Postfix => Ok(postfix::queued(self.dir.path())),
        }
    }

    /// Waits until nothing is left to deliver.
    pub async fn drained(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let left = self.queued().await?;
            if left == 0 {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                bail!("{left} messages are still queued\n{}", self.log_tail());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// User and system seconds of all its processes until now.
    pub fn cpu_secs(&self) -> f64 {
        procs::cpu_secs(self.pid)
    }

    /// The last lines of its log, to tell what went wrong.
    pub fn log_tail(&self) -> String {
        let mut text = String::new();
        for name in ["start.log", "mail.log", "log"] {
            text.push_str(&fs::read_to_string(self.dir.path().join(name)).unwrap_or_default());
        }
        let lines: Vec<&str> = text.lines().collect();
        lines
            .get(lines.len().saturating_sub(12)..)
            .unwrap_or_default()
            .join("\n")
    }

    /// Ends it; the tracer, where there is one, has then written everything.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.end();
        if let Some(mut tracer) = self.tracer.take() {
            tokio::time::timeout(PATIENCE, tracer.wait())
                .await
                .context("strace did not end")??;
        }
        Ok(())
    }

    fn end(&mut self) {
        if self.pid == 0 && self.contender == Contender::Postfix {
            self.pid = postfix::master_pid(self.dir.path()).unwrap_or_default();
        }
        if self.pid == 0 {
            return;
        }
        // Postfix's master ends its children itself; those that it leaves are ended after it.
        let tree = procs::tree(self.pid);
        procs::end(tree.get(..1).unwrap_or_default(), Duration::from_secs(20));
        procs::end(&tree, Duration::from_secs(5));
        self.pid = 0;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// The program itself, or under `strace`, which stops it at nothing but syncs.
fn traced(setup: &Setup, program: &Path) -> Command {
    match &setup.trace {
        Some(file) => {
            let mut command = Command::new("strace");
            command
                .args(crate::syncs::ARGUMENTS)
                .arg("-o")
                .arg(file)
                .arg("--")
                .arg(program);
            command
        }
        None => Command::new(program),
    }
}

/// The process of this program below `strace`, which also starts others to try out what it may do.
async fn traced_pid(tracer: u32, program: &Path) -> anyhow::Result<u32> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let runs = |pid: &u32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program);
        if let Some(pid) = procs::tree(tracer).into_iter().find(runs) {
            return Ok(pid);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    bail!("strace did not start the server")
}

async fn greeting(address: SocketAddr) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let mut octets = [0; 3];
    tokio::time::timeout(Duration::from_secs(5), stream.read_exact(&mut octets)).await??;
    if &octets != b"220" {
        bail!("it greets with {}", String::from_utf8_lossy(&octets));
    }
    Ok(())
}
