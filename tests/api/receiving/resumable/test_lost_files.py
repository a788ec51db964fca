"""The partial file of an upload was removed or cut by hand, or by a file system that lost bytes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.api.live_server import Server
from tests.api.receiving.resumable.conftest import MIB
from tests.api.receiving.resumable.tus_client import create


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(MIB - 1)


@pytest.mark.parametrize("lose", [Path.unlink, cut])
def test_upload_is_not_continued_and_can_be_removed(
    server: Server, bundle: bytes, lose: Callable[[Path], None]
) -> None:
    with server.leaves_nothing():
        upload = create(server, len(bundle), bundle[:MIB])
        lose(upload.part())
        answer = upload.patch(bundle[MIB:], MIB)
        assert (answer.status_code, answer.json()["code"]) == (503, "spool_unavailable")
        assert upload.head().status_code == 503
        assert upload.delete().status_code == 204
