//! People whose passwords a directory knows: OpenLDAP behind the gate, swaks in front of it.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::house::{Authority, Done, Gate, Outside, Plan, have, run, until};

/// How long it may take to open.
const LIMIT: Duration = Duration::from_secs(30);

const LDIF: &str = "dn: dc=example,dc=edu
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=people,dc=example,dc=edu
objectClass: organizationalUnit
ou: people

dn: uid=alice,ou=people,dc=example,dc=edu
objectClass: inetOrgPerson
cn: Alice
sn: A
userPassword: a long password of alice

dn: uid=bob,ou=people,dc=example,dc=edu
objectClass: inetOrgPerson
cn: Bob
sn: B
userPassword: a long password of bob
";

/// A running OpenLDAP, in a folder of its own.
struct Slapd {
    process: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Slapd {
    fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("portcullis-ldap-").tempdir().unwrap();
        let authority = Authority::new();
        authority.write(folder.path(), "ldap", &["127.0.0.1"]);
        let at = |name: &str| folder.path().join(name).display().to_string();
        fs::create_dir(at("db")).unwrap();
        let conf = format!(
            "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
             include /etc/ldap/schema/inetorgperson.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n\
             pidfile {}\nTLSCertificateFile {}\nTLSCertificateKeyFile {}\ndatabase mdb\nsuffix dc=example,dc=edu\n\
             directory {}\nmaxsize 10485760\n",
            at("pid"),
            at("ldap.pem"),
            at("ldap.key"),
            at("db")
        );
        fs::write(at("slapd.conf"), conf).unwrap();
        fs::write(at("people.ldif"), LDIF).unwrap();
        let mut fill = Command::new("/usr/sbin/slapadd");
        run(fill.args(["-f", &at("slapd.conf"), "-l", &at("people.ldif")])).expect_ok("slapadd");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("/usr/sbin/slapd")
            .args([
                "-f",
                &at("slapd.conf"),
                "-h",
                &format!("ldaps://127.0.0.1:{port}/"),
                "-d",
                "0",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let slapd = Self { process, folder, port };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < LIMIT, "OpenLDAP does not open");
            thread::sleep(Duration::from_millis(20));
        }
        slapd
    }

    fn ca(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn swaks(gate: &Gate, login: &str, password: &str) -> Done {
    let mut swaks = Command::new("swaks");
    swaks
        .args([
            "--server",
            "127.0.0.1",
            "--port",
            &gate.ports.submission.to_string(),
            "--tls",
        ])
        .args(["--auth", "PLAIN", "--auth-user", login, "--auth-password", password])
        .args([
            "--from",
            "alice@example.edu",
            "--to",
            "bob@elsewhere.example",
            "--h-Subject",
            "by-directory",
        ]);
    run(&mut swaks)
}

#[test]
fn who_the_directory_knows_and_a_grant_names_may_send_and_who_no_grant_names_hears_what_a_wrong_password_hears() {
    if !(have("swaks") && have("slapd")) {
        return;
    }
    let slapd = Slapd::start();
    let outside = Outside::new();
    let (inside, internet) = (outside.sink("inside"), outside.sink("internet"));
    let mut plan = Plan::to(&inside, &internet);
    plan.more = format!(
        "[identities.directory]\nurl = \"ldaps://127.0.0.1:{}\"\n\
         bind = \"uid={{login}},ou=people,dc=example,dc=edu\"\nca = \"{}\"\n\
         [grants.alice]\nowner = \"IT\"\ncontact = \"it@example.edu\"\nreason = \"a person\"\nuntil = {}\n\
         by = {{ directory = \"alice\" }}\nfrom = [\"alice@example.edu\"]\nto = \"any\"\nclass = \"user\"\n",
        slapd.port,
        slapd.ca().join("ca.pem").display(),
        until()
    );
    let gate = Gate::start(plan);
    swaks(&gate, "alice", "a long password of alice").expect_ok("swaks");
    internet.receive("by-directory");
    let words = |done: Done| {
        let said = done.expect_refused("535 5.7.8");
        let line = said.lines().find(|line| line.contains("535 5.7.8")).unwrap().to_owned();
        line.split_once(" See ").unwrap().0.to_owned()
    };
    let wrong = words(swaks(&gate, "alice", "a long password of bob"));
    assert_eq!(words(swaks(&gate, "bob", "a long password of bob")), wrong);
    assert_eq!(words(swaks(&gate, "bob", "another password")), wrong);
    assert_eq!(words(swaks(&gate, "carol", "a long password of carol")), wrong);
}
