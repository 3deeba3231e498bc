//! Debian's Postfix, with configuration, queue and data of the bench's own, tuned as its TUNING_README advises.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::server::Setup;

/// Where its programs are.
#[derive(Clone, Debug)]
pub struct Install {
    root: PathBuf,
    libraries: String,
}

impl Install {
    /// The unpacked one, else the installed one.
    pub fn find(unpacked: &Path) -> anyhow::Result<Self> {
        let unpacked_root = unpacked.join("complete").exists().then(|| unpacked.to_owned());
        let root = unpacked_root.unwrap_or_else(|| PathBuf::from("/"));
        let install = Self {
            libraries: library_folders(&root).join(":"),
            root,
        };
        if !install.program("smtp-source").exists() {
            bail!(
                "no Postfix, neither unpacked in {} nor installed; `make bench` fetches it",
                unpacked.display()
            );
        }
        Ok(install)
    }

    fn program(&self, name: &str) -> PathBuf {
        self.root.join("usr/sbin").join(name)
    }

    fn at(&self, path: &str) -> String {
        self.root.join(path).display().to_string()
    }

    /// A command that finds its libraries.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.program(name));
        command.env("LD_LIBRARY_PATH", &self.libraries);
        command
    }

    /// Its version.
    pub fn version(&self) -> String {
        let asked = self
            .command("postconf")
            .args(["-d", "-h", "mail_version"])
            .stderr(Stdio::null())
            .output();
        asked.map_or_else(
            |_| String::new(),
            |done| String::from_utf8_lossy(&done.stdout).trim().to_owned(),
        )
    }
}

fn library_folders(root: &Path) -> Vec<String> {
    if root == Path::new("/") {
        return Vec::new();
    }
    let mut folders = vec![root.join("usr/lib/postfix")];
    for parent in ["usr/lib", "lib"] {
        let inside = fs::read_dir(root.join(parent)).into_iter().flatten().flatten();
        folders.extend(
            inside
                .map(|entry| entry.path())
                .filter(|path| path.to_string_lossy().ends_with("-linux-gnu")),
        );
    }
    folders.iter().map(|folder| folder.display().to_string()).collect()
}

/// The services that take, queue and deliver; none in a root of its own. `@PORT@` is where it listens.
const MASTER: &str = "\
postlog   unix-dgram n - n - 1 postlogd
127.0.0.1:@PORT@ inet n - n - - smtpd
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
smtp      unix - - n - - smtp
relay     unix - - n - - smtp
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
";

/// What every run has. Durability is as shipped: `cleanup` syncs each message before it is acknowledged.
///
/// From TUNING_README: enough processes for all sessions, no delay of incoming mail while mail goes out, no look-ups
/// of names, connections out kept open, as many of them at once as there are sessions, no limits for clients that we
/// know, a queue manager that holds all of a run in memory.
const MAIN: &str = "\
compatibility_level = 3.6
queue_directory = @DIR@/queue
data_directory = @DIR@/data
command_directory = @ROOT@usr/sbin
daemon_directory = @ROOT@usr/lib/postfix/sbin
shlib_directory = @ROOT@usr/lib/postfix
meta_directory = @ROOT@etc/postfix
sendmail_path = @ROOT@usr/sbin/sendmail
newaliases_path = @ROOT@usr/sbin/sendmail
mailq_path = @ROOT@usr/sbin/sendmail
import_environment = MAIL_CONFIG MAIL_LOGTAG TZ LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME LD_LIBRARY_PATH
myhostname = postfix.example.edu
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = all
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
append_dot_mydomain = no
biff = no
smtpd_relay_restrictions = permit_mynetworks, reject
maillog_file = @DIR@/mail.log
maillog_file_prefixes = @DIR@
disable_dns_lookups = yes
smtp_host_lookup = native
smtpd_peername_lookup = no
in_flow_delay = 0
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
qmgr_message_active_limit = 40000
qmgr_message_recipient_limit = 40000
";

/// Writes what it needs to know into `dir`, which is open to all.
pub fn write(install: &Install, dir: &Path, port: u16, setup: &Setup) -> anyhow::Result<()> {
    let (owner, group) = (
        account("/etc/passwd", "postfix", "mail")?,
        account("/etc/group", "postdrop", "proxy")?,
    );
    for name in ["queue", "data", "etc"] {
        fs::create_dir(dir.join(name))?;
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o755))?;
    }
    let status = Command::new("chown").arg(&owner).arg(dir.join("data")).status()?;
    if !status.success() {
        bail!(
            "{} cannot be given to {owner}; Postfix wants to be run by root",
            dir.display()
        );
    }
    let mut main = MAIN
        .replace("@DIR@", &dir.display().to_string())
        .replace("@ROOT@", &install.at(""));
    let processes = setup.sessions + 50;
    write!(
        main,
        "mail_owner = {owner}\nsetgid_group = {group}\ndefault_process_limit = {processes}\n"
    )?;
    if setup.hold {
        main.push_str("smtpd_client_restrictions = check_client_access static:HOLD\n");
    }
    if let Some(sink) = setup.relay_to {
        let (ip, port) = (sink.ip(), sink.port());
        write!(
            main,
            "relayhost = [{ip}]:{port}\nsmtp_connection_cache_destinations = {ip}\n\
             initial_destination_concurrency = 20\ndefault_destination_concurrency_limit = {}\n",
            setup.sessions.max(20)
        )?;
    }
    if let Some(certificate) = &setup.certificate {
        let (chain, key) = (certificate.chain.display(), certificate.key.display());
        write!(
            main,
            "smtpd_tls_security_level = may\nsmtpd_tls_chain_files = {key}, {chain}\n"
        )?;
    }
    fs::write(dir.join("etc/main.cf"), main)?;
    fs::write(dir.join("etc/master.cf"), MASTER.replace("@PORT@", &port.to_string()))?;
    Ok(())
}

/// Its own account where the system has one, else one that every Debian has: nothing is added to the system.
fn account(file: &str, own: &str, instead: &str) -> anyhow::Result<String> {
    let text = fs::read_to_string(file)?;
    let there = |name: &str| text.lines().any(|line| line.split(':').next() == Some(name));
    let found = [own, instead].into_iter().find(|name| there(name));
    Ok(found
        .with_context(|| format!("neither {own} nor {instead} in {file}"))?
        .to_owned())
}

/// The process that all others descend from, once it runs.
pub fn master_pid(dir: &Path) -> Option<u32> {
    fs::read_to_string(dir.join("queue/pid/master.pid"))
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// Messages in its queue, in whatever state.
pub fn queued(dir: &Path) -> usize {
    ["maildrop", "incoming", "active", "deferred", "hold"]
        .iter()
        .map(|state| files(&dir.join("queue").join(state)))
        .sum()
}

fn files(dir: &Path) -> usize {
    let inside = fs::read_dir(dir).into_iter().flatten().flatten();
    inside
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => files(&entry.path()),
            Ok(_) => 1,
            // It went on to another state meanwhile.
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_counted_in_all_its_states_and_below() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["queue/hold", "queue/deferred/A", "queue/pid"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        for file in ["queue/hold/1", "queue/deferred/A/2", "queue/pid/master.pid"] {
            fs::write(dir.path().join(file), " 41\n").unwrap();
        }
        assert_eq!(queued(dir.path()), 2);
        assert_eq!(master_pid(dir.path()), Some(41));
    }
}
