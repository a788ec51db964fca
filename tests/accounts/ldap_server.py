"""A real LDAP server: Debian's slapd, with TLS and with the groups of each person in `memberOf`."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.accounts.airflow_server import LDAP_HEADER
from tests.client.certificates import write_certificate
from tools.stack import free_port
from tools.waiting import wait_until

SLAPD = "/usr/sbin/slapd"
# By its number, because the client replaces the name localhost by that of the machine.
ADDRESS = "127.0.0.1"
SUFFIX = "dc=example,dc=org"
BIND_USER, BIND_PASSWORD = f"cn=airflow,{SUFFIX}", "the-password-of-airflow"
PASSWORD = "correct horse"
GROUPS = {"viewers": ("vera", "bare"), "operators": ("olga",), "admins": ("adam", "bare", "double")}
PEOPLE = ("vera", "olga", "adam", "nobody", "ingest", "gus")
START_SECONDS, STOP_SECONDS = 60, 30

CONFIGURATION = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
pidfile {folder}/slapd.pid
TLSCACertificateFile {certificate}
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
# A password is never sent in the clear.
security simple_bind=128
database mdb
suffix "{suffix}"
directory {folder}/data
rootdn "{bind_user}"
rootpw "{bind_password}"
overlay memberof
"""
PERSON = """
dn: uid={name},{suffix}
objectClass: inetOrgPerson
cn: {name}
sn: {name}
uid: {name}
mail: shared@example.org
userPassword: {password}
"""
# An entry without any attribute that Airflow asks for, and one with two names.
OTHERS = f"""
dn: uid=bare,{SUFFIX}
objectClass: account
objectClass: simpleSecurityObject
uid: bare
userPassword: {PASSWORD}

dn: uid=double,{SUFFIX}
objectClass: account
objectClass: simpleSecurityObject
uid: double
uid: second
userPassword: {PASSWORD}
"""
GROUP = """
dn: cn={name},{suffix}
objectClass: groupOfNames
cn: {name}
"""


@dataclass(frozen=True)
class LdapServer:
    """A running server."""

    url: str
    certificate: Path
    process: subprocess.Popen[bytes]

    def leave(self, person: str, name: str) -> None:
        """Remove a person from a group."""
        change = f"dn: {group(name)}\nchangetype: modify\ndelete: member\nmember: uid={person},{SUFFIX}\n"
        assert _run("ldapmodify", self.url, self.certificate, change) == 0

    def suspend(self) -> None:
        """Let the server answer nothing, while Linux still accepts connections."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let the server answer again."""
        self.process.send_signal(signal.SIGCONT)


def has_slapd() -> bool:
    """Return whether this machine has the server, and can compile a client; CI installs both."""
    return Path(SLAPD).exists() and LDAP_HEADER.exists() and shutil.which("ldapadd") is not None


def group(name: str) -> str:
    """Return the name of a group, as `memberOf` holds it."""
    return f"cn={name},{SUFFIX}"


@contextmanager
def ldap_server(folder: Path) -> Iterator[LdapServer]:
    """Run a server with PEOPLE in GROUPS."""
    certificate, key = write_certificate(folder, ADDRESS)
    (folder / "data").mkdir()
    configuration = CONFIGURATION.format(
        folder=folder, certificate=certificate, key=key, suffix=SUFFIX, bind_user=BIND_USER, bind_password=BIND_PASSWORD
    )
    (folder / "slapd.conf").write_text(configuration)
    url = f"ldap://{ADDRESS}:{free_port()}"
    with (folder / "slapd.log").open("w") as log:
        command = [SLAPD, "-f", str(folder / "slapd.conf"), "-h", url, "-d", "0"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until(
            lambda: _run("ldapadd", url, certificate, _people()) == 0, START_SECONDS, (folder / "slapd.log").read_text
        )
        yield LdapServer(url, certificate, process)
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(STOP_SECONDS)


def _people() -> str:
    root = f"dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\no: example\ndc: example\n"
    people = [PERSON.format(name=name, suffix=SUFFIX, password=PASSWORD) for name in PEOPLE]
    groups = [
        GROUP.format(name=name, suffix=SUFFIX) + "".join(f"member: uid={person},{SUFFIX}\n" for person in members)
        for name, members in GROUPS.items()
    ]
    return "\n".join([root, *people, OTHERS, *groups])


def _run(program: str, url: str, certificate: Path, entries: str) -> int:
    command = [program, "-x", "-c", "-ZZ", "-H", url, "-D", BIND_USER, "-w", BIND_PASSWORD]
    variables = {**os.environ, "LDAPTLS_CACERT": str(certificate)}
    done = subprocess.run(command, input=entries.encode(), env=variables, capture_output=True, check=False, timeout=30)
    return done.returncode
