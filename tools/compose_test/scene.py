"""What the scenarios share. Made by `run`."""

from dataclasses import dataclass
from pathlib import Path

from tools.compose_test.deployment import Deployment
from tools.compose_test.engine import Engine
from tools.compose_test.report import Report
from tools.compose_test.uploads import Uploader, with_token


@dataclass(frozen=True)
class Scene:
    """An engine and its folder, the deployment of this version, and the report."""

    engine: Engine
    folder: Path
    deployment: Deployment
    report: Report

    def user(self, name: str) -> Uploader:
        """Return a user with a new token, made as docs/how-to/install.md describes."""
        return with_token(self.deployment.command("api", "token", "add", "--user", name).split()[-1])
