"""The configuration, preparation and command of each service of the core. Called by `core`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

HOST = "127.0.0.1"
UNIQUEID = "uniqueid"
ARCHIVE = "archiveinterface"
METADATA = "metadata"
POLICY = "policy"
SERVICES = (UNIQUEID, ARCHIVE, METADATA, POLICY)
# As documented, for `make core`.
DOCUMENTED_PORTS = {UNIQUEID: 8051, ARCHIVE: 8080, METADATA: 8121, POLICY: 8181}
# With more threads archiveinterface mixes up contents, and uniqueid allocates ids twice.
THREADS = {UNIQUEID: 1, ARCHIVE: 1, METADATA: 4, POLICY: 4}
DATABASES = (UNIQUEID, METADATA)

CHERRYPY = """\
[global]
server.socket_host: '{host}'
server.socket_port: {port}
server.thread_pool: {threads}
server.max_request_body_size: 0
server.socket_timeout: 60
engine.autoreload.on: False
log.screen: True
[/]
request.dispatch: cherrypy.dispatch.MethodDispatcher()
tools.response_headers.on: True
tools.response_headers.headers: [('Content-Type', 'application/json')]
"""


@dataclass(frozen=True)
class Service:
    """One service: its name, where it listens, and the folder of its files."""

    name: str
    port: int
    folder: Path

    @property
    def url(self) -> str:
        """The address of the service."""
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """The file with the output of the service."""
        return self.folder / "log"

    def write_configuration(self, sockets: Path, ports: Mapping[str, int]) -> None:
        """Write its two files; `sockets` is the folder of PostgreSQL's socket, `ports` are those of all services."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        cherrypy = CHERRYPY.format(host=HOST, port=self.port, threads=THREADS[self.name])
        (self.folder / "cherrypy.ini").write_text(cherrypy)
        (self.folder / "config.ini").write_text(self._configuration(sockets, ports))

    def environment(self) -> dict[str, str]:
        """Return the variables that it reads."""
        prefix = self.name.upper()
        return {
            f"{prefix}_CONFIG": str(self.folder / "config.ini"),
            f"{prefix}_CPCONFIG": str(self.folder / "cherrypy.ini"),
            "NOTIFICATIONS_DISABLED": "True",
            "PYTHONWARNINGS": "ignore",
        }

    def command(self, binaries: Path) -> list[str]:
        """Return the command that runs it."""
        words = [str(binaries / f"pacifica-{self.name}"), "-a", HOST, "-p", str(self.port)]
        return [*words, "-t", "posix", "--prefix", str(self.archive)] if self.name == ARCHIVE else words

    def preparation(self, binaries: Path) -> list[str] | None:
        """Return the command that makes its tables; None for a service that has none."""
        return [str(binaries / f"pacifica-{self.name}-cmd"), "dbsync"] if self.name in DATABASES else None

    @property
    def archive(self) -> Path:
        """Return the folder in which ArchiveInterface keeps the files."""
        return self.folder / "files"

    def _configuration(self, sockets: Path, ports: Mapping[str, int]) -> str:
        if self.name == ARCHIVE:
            return "[posix]\nuse_id2filename = true\n"
        if self.name == POLICY:
            url = f"http://{HOST}:{ports[METADATA]}"
            return f"[metadata]\nendpoint_url = {url}\nstatus_url = {url}/groups\n"
        # ConfigParser reads a percent sign as the start of a variable.
        host = quote(str(sockets), safe="/").replace("%", "%%")
        url = f"postgresql://postgres@/{self.name}?host={host}"
        return f"[database]\npeewee_url = {url}\n[notifications]\ndisabled = True\n"


def settings_of(urls: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that point the ingest at services by their addresses."""
    return {
        "UNIQUEID_URL": urls[UNIQUEID],
        "POLICY_INGEST_URL": f"{urls[POLICY]}/ingest",
        "ARCHIVEINTERFACE_URL": urls[ARCHIVE],
        "METADATA_INGEST_URL": f"{urls[METADATA]}/ingest",
    }
