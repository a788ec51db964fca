"""What the scenarios share. Made by `run`."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from tools.compose_test.deployment import Deployment
from tools.compose_test.engine import Engine
from tools.compose_test.proxy import Proxy
from tools.compose_test.report import Report
from tools.compose_test.uploads import Uploader, with_token

TOKEN = re.compile(r"ingest_\S+")


@dataclass
class Scene:
    """An engine and its folder, the deployment of this version, the report, and the users who have uploaded."""

    engine: Engine
    folder: Path
    deployment: Deployment
    report: Report
    proxy: Proxy | None = None
    users: list[Uploader] = field(default_factory=list)

    def user(self, name: str) -> Uploader:
        """Return a user who logs in to the proxy; without a proxy, a user with a new token."""
        user = self.proxy.user(name) if self.proxy else with_token(self._new_token(name))
        self.users.append(user)
        return user

    def _new_token(self, name: str) -> str:
        printed = self.deployment.command("api", "token", "add", "--user", name)
        found = TOKEN.search(printed)
        assert found, printed
        return found[0]
