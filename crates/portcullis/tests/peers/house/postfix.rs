//! A Postfix of a test's own: its own configuration, queue and data folders, ended through its own control program.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{PASSWORD, eventually, free_port, have, run, write_private};

/// A running Postfix.
pub struct Postfix {
    dir: tempfile::TempDir,
    pub port: u16,
}

/// The services a Postfix needs to take, queue and deliver; `@PORT@` is where it listens.
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
virtual   unix - n n - - virtual
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
";

/// What every instance has; `@DIR@` is its folder.
const MAIN: &str = "\
compatibility_level = 3.6
queue_directory = @DIR@/spool
data_directory = @DIR@/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
shlib_directory = /usr/lib/postfix
meta_directory = /etc/postfix
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
alias_maps =
local_recipient_maps =
maillog_file = @DIR@/mail.log
maillog_file_prefixes = @DIR@
disable_dns_lookups = yes
smtp_host_lookup = native
append_dot_mydomain = no
biff = no
smtputf8_enable = yes
minimal_backoff_time = 2s
maximal_backoff_time = 2s
queue_run_delay = 2s
";

impl Postfix {
    /// Whether one can be run here: it is installed, and we are root, as its master must be.
    pub fn can_run() -> bool {
        let root = run(Command::new("id").arg("-u")).out.trim() == "0";
        have("postfix") && (root || super::programs::absent("Postfix wants to be started by root"))
    }

    /// A Postfix that hands everything to a smart host, logging in over verified TLS.
    pub fn client(gate: &super::Gate) -> Self {
        let relay = gate.ports.submission;
        // The users of Postfix read these files before it changes root, but not as root alone.
        let ca = gate.ca();
        Self::start("null.example.edu", |dir| {
            fs::copy(ca, dir.join("ca.pem")).unwrap();
            format!(
                "myorigin = example.edu\nmynetworks = 127.0.0.0/8\n\
                 smtpd_relay_restrictions = permit_mynetworks, reject\n\
                 relayhost = [127.0.0.1]:{relay}\n\
                 smtp_sasl_auth_enable = yes\nsmtp_sasl_security_options = noanonymous\n\
                 smtp_sasl_password_maps = inline:{{ {{ [127.0.0.1]:{relay} = erp:{PASSWORD} }} }}\n\
                 smtp_tls_security_level = verify\nsmtp_tls_verify_cert_match = mail.example.edu\n\
                 smtp_tls_CAfile = {}/ca.pem\nsmtp_tls_loglevel = 1\n",
                dir.display()
            )
        })
    }

    /// A Postfix that keeps mail for `dest.test` in a folder, with a certificate for this host name.
    pub fn destination(authority: &super::Authority, host: &str) -> Self {
        Self::destination_that(authority, host, |_| String::new())
    }

    /// A destination that knows `anna@dest.test` alone.
    pub fn destination_of_anna(authority: &super::Authority, host: &str) -> Self {
        Self::destination_that(authority, host, |_| {
            "virtual_mailbox_maps = inline:{ { anna@dest.test = all/ } }\n".to_owned()
        })
    }

    /// A smart host: it takes mail from whoever logs in under TLS with these, and keeps that for `dest.test`.
    pub fn smart_host(authority: &super::Authority, host: &str, user: &str, secret: &str) -> Self {
        Self::destination_that(authority, host, |dir| {
            // Debian has it look beside its own configuration, wherever that is.
            let folder = dir.join("etc/sasl");
            fs::create_dir(&folder).unwrap();
            let database = folder.join("sasldb2");
            let settings = format!(
                "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {}\nmech_list: PLAIN LOGIN\n",
                database.display()
            );
            fs::write(folder.join("smtpd.conf"), settings).unwrap();
            write_private(&folder.join("secret"), secret);
            let script = format!(
                "exec saslpasswd2 -p -c -u {host} -f {} {user} < {}",
                database.display(),
                folder.join("secret").display()
            );
            run(Command::new("sh").arg("-c").arg(script)).expect_ok("saslpasswd2");
            run(Command::new("chown").arg("postfix").arg(&database)).expect_ok("chown");
            format!(
                "cyrus_sasl_config_path = {}\nsmtpd_sasl_type = cyrus\nsmtpd_sasl_path = smtpd\n\
                 smtpd_sasl_auth_enable = yes\nsmtpd_sasl_local_domain = {host}\n\
                 smtpd_sasl_security_options = noanonymous\nsmtpd_sasl_authenticated_header = yes\n\
                 smtpd_tls_auth_only = yes\nsmtpd_client_restrictions = permit_sasl_authenticated, reject\n",
                folder.display()
            )
        })
    }

    /// A destination with more settings; the last one of a name holds.
    fn destination_that(
        authority: &super::Authority,
        host: &str,
        more: impl FnOnce(&std::path::Path) -> String,
    ) -> Self {
        Self::start(host, |dir| {
            authority.write(dir, "postfix", &[host]);
            let mail = dir.join("mail");
            fs::create_dir(&mail).unwrap();
            run(Command::new("chown").arg("nobody").arg(&mail)).expect_ok("chown");
            let nobody = run(Command::new("id").args(["-u", "nobody"]))
                .expect_ok("id")
                .trim()
                .to_owned();
            format!(
                "mynetworks =\nsmtpd_relay_restrictions = reject_unauth_destination\n\
                 virtual_mailbox_domains = dest.test\nvirtual_mailbox_maps = static:all/\n\
                 virtual_mailbox_base = {}\nvirtual_uid_maps = static:{nobody}\nvirtual_gid_maps = static:{nobody}\n\
                 virtual_minimum_uid = 1\nvirtual_transport = virtual\n\
                 smtpd_tls_cert_file = {dir}/postfix.pem\nsmtpd_tls_key_file = {dir}/postfix.key\n\
                 smtpd_tls_security_level = may\nsmtpd_tls_received_header = yes\nsmtpd_tls_loglevel = 1\n{}",
                mail.display(),
                more(dir),
                dir = dir.display(),
            )
        })
    }

    fn start(hostname: &str, more: impl FnOnce(&std::path::Path) -> String) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("portcullis-postfix-")
            .tempdir()
            .unwrap();
        run(Command::new("chmod").arg("755").arg(dir.path())).expect_ok("chmod");
        for name in ["spool", "data", "etc"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        run(Command::new("chown").arg("postfix").arg(dir.path().join("data"))).expect_ok("chown");
        let folder = dir.path().display().to_string();
        let more = more(dir.path());
        let main = format!("{}myhostname = {hostname}\n{more}", MAIN.replace("@DIR@", &folder));
        fs::write(dir.path().join("etc/main.cf"), main).unwrap();
        let mut postfix = Self { dir, port: 0 };
        for _ in 0..5 {
            postfix.port = free_port();
            fs::write(
                postfix.etc().join("master.cf"),
                MASTER.replace("@PORT@", &postfix.port.to_string()),
            )
            .unwrap();
            let started = run(Command::new("postfix").arg("-c").arg(postfix.etc()).arg("start"));
            let address = std::net::SocketAddr::from(([127, 0, 0, 1], postfix.port));
            if started.ok && is_listening(address) {
                return postfix;
            }
            postfix.stop();
        }
        panic!("Postfix did not start:\n{}", postfix.log());
    }

    fn etc(&self) -> PathBuf {
        self.dir.path().join("etc")
    }

    fn stop(&self) {
        run(Command::new("postfix").arg("-c").arg(self.etc()).arg("stop"));
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("mail.log")).unwrap_or_default()
    }

    /// Gives it a message through its own `sendmail`.
    pub fn submit(&self, from: &str, to: &str, message: &str) {
        let file = self.dir.path().join("message");
        write_private(&file, &message.replace("\r\n", "\n"));
        let script = format!(
            "exec /usr/sbin/sendmail -C {} -i -f '{from}' '{to}' < {}",
            self.etc().display(),
            file.display()
        );
        run(Command::new("sh").arg("-c").arg(script)).expect_ok("sendmail");
    }

    /// Waits for the message with this subject in the mailbox.
    pub fn receive(&self, subject: &str) -> String {
        let line = format!("\nSubject: {subject}\n");
        eventually(&format!("the message {subject} at Postfix"), || {
            self.mailbox().into_iter().find(|message| message.contains(&line))
        })
    }

    /// All that arrived.
    pub fn mailbox(&self) -> Vec<String> {
        let Ok(names) = fs::read_dir(self.dir.path().join("mail/all/new")) else {
            return Vec::new();
        };
        names
            .filter_map(|name| fs::read_to_string(name.ok()?.path()).ok())
            .collect()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- what Postfix logged\n{}", self.log());
        }
        self.stop();
    }
}

fn is_listening(at: std::net::SocketAddr) -> bool {
    let began = std::time::Instant::now();
    while began.elapsed() < std::time::Duration::from_secs(5) {
        if std::net::TcpStream::connect(at).is_ok() {
            return true;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    false
}
