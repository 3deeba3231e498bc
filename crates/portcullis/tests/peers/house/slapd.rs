//! A directory that knows people's passwords: OpenLDAP.

use std::fs;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use super::{Authority, eventually, free_port, run};

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

/// A running OpenLDAP, in a folder of its own; it knows `alice` and `bob`, whose passwords are `a long password of ...`.
pub struct Slapd {
    process: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Slapd {
    pub fn start() -> Self {
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
        let port = free_port();
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
        eventually("OpenLDAP to open", || TcpStream::connect(("127.0.0.1", port)).ok());
        slapd
    }

    /// How a gate is told of it.
    pub fn settings(&self) -> String {
        format!(
            "[identities.directory]\nurl = \"ldaps://127.0.0.1:{}\"\n\
             bind = \"uid={{login}},ou=people,dc=example,dc=edu\"\nca = \"{}\"\n",
            self.port,
            self.folder.path().join("ca.pem").display()
        )
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
