"""A second API of a stack that requires tokens; the stack's own API requires none."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tools.stack import START_SECONDS, STOP_SECONDS, Stack, answers, free_port
from tools.waiting import wait_until


@contextmanager
def authenticated_api(stack: Stack, folder: Path, **settings: str) -> Iterator[Stack]:
    """Run the second API with its token file in a folder; yield the stack as that API serves it."""
    port = free_port()
    access = {"INGEST_AUTHENTICATION": "token", "INGEST_TOKEN_FILE": str(folder / "tokens.json"), **settings}
    seen = replace(stack, api=f"http://127.0.0.1:{port}", environment={**stack.environment, **access})
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("pacifica-ingest")), "-a", "0.0.0.0", "-p", str(port)],
        env={**os.environ, **seen.environment},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/"), START_SECONDS, lambda: "the API does not answer")
        yield seen
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def new_token(stack: Stack, user: str) -> str:
    """Create a token as an admin does."""
    return stack.command("token", "add", "--user", user).stdout.strip()
