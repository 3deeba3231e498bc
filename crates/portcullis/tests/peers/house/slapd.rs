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

dn: ou=staff,ou=people,dc=example,dc=edu
objectClass: organizationalUnit
ou: staff

dn: cn=Dora \\28x\\29\\2C Physics,ou=staff,ou=people,dc=example,dc=edu
objectClass: inetOrgPerson
cn: Dora (x), Physics
sn: D
uid: dora
mail: dora.d@example.edu
mail: office@example.edu
userPassword: a long password of dora

dn: cn=Emil,ou=staff,ou=people,dc=example,dc=edu
objectClass: inetOrgPerson
cn: Emil
sn: E
uid: emil
mail: office@example.edu
userPassword: a long password of emil

dn: cn=portcullis,dc=example,dc=edu
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: portcullis
userPassword: the secret of the gate
";
/// Who may search.
const ACCOUNT: &str = "cn=portcullis,dc=example,dc=edu";

/// A running OpenLDAP, in a folder of its own; it knows `alice` and `bob`, and by search `dora` and `emil`, whose passwords
/// are `a long password of ...`. Nobody but an account of the gate may search, and nobody logs in in the clear.
pub struct Slapd {
    process: Child,
    folder: tempfile::TempDir,
    port: u16,
    /// Where TLS begins by StartTLS.
    clear: u16,
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
             pidfile {}\nTLSCertificateFile {}\nTLSCertificateKeyFile {}\nsecurity simple_bind=128\ndatabase mdb\n\
             suffix dc=example,dc=edu\ndirectory {}\nmaxsize 10485760\n\
             access to attrs=userPassword by anonymous auth by * none\n\
             access to * by dn.exact=\"{ACCOUNT}\" read by * none\n",
            at("pid"),
            at("ldap.pem"),
            at("ldap.key"),
            at("db")
        );
        fs::write(at("slapd.conf"), conf).unwrap();
        fs::write(at("people.ldif"), LDIF).unwrap();
        let mut fill = Command::new("/usr/sbin/slapadd");
        run(fill.args(["-f", &at("slapd.conf"), "-l", &at("people.ldif")])).expect_ok("slapadd");
        let (port, clear) = (free_port(), free_port());
        fs::write(at("secret"), "the secret of the gate\n").unwrap();
        let process = Command::new("/usr/sbin/slapd")
            .args([
                "-f",
                &at("slapd.conf"),
                "-h",
                &format!("ldaps://127.0.0.1:{port}/ ldap://127.0.0.1:{clear}/"),
                "-d",
                "0",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let slapd = Self {
            process,
            folder,
            port,
            clear,
        };
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

impl Slapd {
    /// How a gate is told of it that searches, under StartTLS.
    pub fn searched(&self) -> String {
        let at = |name: &str| self.folder.path().join(name).display().to_string();
        format!(
            "[identities.directory]\nurl = \"ldap://127.0.0.1:{}\"\nstarttls = true\n\
             base = \"ou=people,dc=example,dc=edu\"\nfilter = \"(&(objectClass=person)(|(uid={{login}})(mail={{login}})))\"\n\
             account = \"{ACCOUNT}\"\nsecret_file = \"{}\"\nca = \"{}\"\n",
            self.clear,
            at("secret"),
            at("ca.pem")
        )
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
