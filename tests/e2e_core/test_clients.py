"""pacifica-cli, unchanged, uploads to the real stack. All uploads run simultaneously, as in a busy facility."""

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e_core.clients import USUAL, Client, Clients, clients_in
from tools.pacifica_core.contents import archived, cataloged
from tools.pacifica_core.core import Core
from tools.pacifica_core.people import PROJECT
from tools.stack import Stack

FILES = {
    "run/one.txt": b"one\n",
    "run/sub/two.bin": bytes(range(256)) * 1200,
    "run/sub/empty.dat": b"",
    "run/sub/deep/日本.txt": "日本\n".encode(),
    'run/sub/it\'s "so" 100% a\\b.txt': b"odd\n",
    "notes/metadata.txt": b"the user's own\n",
    "metadata.txt": b"another one of the user's own\n",
    "data/one.txt": b"in a folder named data\n",
}


@dataclass(frozen=True)
class Upload:
    """The arguments of a command line, the uploaded paths, and the prefix of these in the catalog."""

    words: tuple[str, ...]
    paths: tuple[str, ...] = ("run/",)
    prefix: str = ""
    fields: tuple[str, ...] = USUAL


UPLOADS = {
    "folder": Upload(("run",)),
    # The original service kept the dot in the catalog.
    "folder with a dot": Upload(("./run",)),
    "folder of the project": Upload(("run",), prefix=f"Project ID {PROJECT}/", fields=(*USUAL, "directory-project")),
    # The original service found none of its files: their names had one slash where the tar had two.
    "absolute path": Upload(("{folder}/run",), prefix="{folder}/"),
    "several paths": Upload(("metadata.txt", "notes", "run/sub/deep"), ("metadata.txt", "notes/", "run/sub/deep/")),
    "kept bundle": Upload(("--local-save", "kept.tar", "run")),
    "tar in tar": Upload(("--tar-in-tar", "--local-save", "outer.tar", "run"), ()),
    "no wait": Upload(("--nowait", "run")),
    "folder named data": Upload(("data",), ("data/",)),
    "offline": Upload(("--do-not-upload", "--local-save", "offline.tar", "run"), ()),
}


@pytest.fixture(scope="module")
def clients(stack: Stack, core: Core, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    with clients_in(tmp_path_factory.mktemp("clients"), FILES, stack, core) as clients:
        yield clients


@pytest.fixture(scope="module")
def uploads(clients: Clients) -> dict[str, Client]:
    """Return every upload by its name, started."""
    folder = str(clients.folder)
    return {
        name: clients.upload(*(word.format(folder=folder) for word in upload.words), fields=upload.fields)
        for name, upload in UPLOADS.items()
    }


def files_of(upload: Upload, clients: Clients) -> dict[str, bytes]:
    """Return the expected files of an upload in archive and catalog."""
    prefix = upload.prefix.format(folder=str(clients.folder).removeprefix("/"))
    return {prefix + path: content for path, content in FILES.items() if path.startswith(upload.paths)}


def stored_files(core: Core, job: int) -> dict[str, bytes]:
    """Return the files of a job in archive and catalog."""
    files = cataloged(core, job)
    assert files is not None
    return archived(core, files)


@pytest.mark.parametrize(
    "name",
    [
        "folder",
        "folder with a dot",
        "folder of the project",
        "absolute path",
        "several paths",
        "kept bundle",
        "folder named data",
    ],
)
def test_client_waits_until_its_files_are_archived_and_cataloged(
    name: str, uploads: dict[str, Client], clients: Clients, stack: Stack, core: Core
):
    ended = uploads[name].ended
    assert ended.status == 0, ended.errors
    # The test need not wait: the client has waited.
    state = stack.state(ended.job)
    assert (state["complete"], state["state"], state["task"]) == (True, "OK", "ingest metadata"), state
    assert stored_files(core, ended.job) == files_of(UPLOADS[name], clients)
    # The row may be written once more after the client has looked.
    assert ended.document | {"updated": ""} == state | {"updated": ""}


def test_tar_in_tar_is_archived_as_one_file(uploads: dict[str, Client], clients: Clients, core: Core):
    ended = uploads["tar in tar"].ended
    assert ended.status == 0, ended.errors
    with tarfile.open(clients.folder / "outer.tar") as outer:
        member = outer.extractfile("data/data.tar")
        assert member
        inner = member.read()
    assert stored_files(core, ended.job) == {"data.tar": inner}
    with tarfile.open(fileobj=io.BytesIO(inner)) as tar:
        members = {info.name: tar.extractfile(info) for info in tar}
        contents = {name: file.read() for name, file in members.items() if file and name != "metadata.txt"}
    assert contents == {f"data/{path}": content for path, content in FILES.items() if path.startswith("run/")}


def test_client_that_does_not_wait_ends_immediately_and_its_job_completes(
    uploads: dict[str, Client], clients: Clients, stack: Stack, core: Core
):
    ended = uploads["no wait"].ended
    assert (ended.status, "Done.\n" in ended.printed) == (0, False), ended
    state = stack.wait_for_end(ended.job)
    assert state["state"] == "OK", state
    assert stored_files(core, ended.job) == files_of(UPLOADS["no wait"], clients)


def test_bundle_that_was_made_offline_is_uploaded_later(uploads: dict[str, Client], clients: Clients, core: Core):
    assert uploads["offline"].ended.status == 0
    ended = clients.upload("--local-retry", "offline.tar").ended
    assert (ended.status, ended.document["state"]) == (0, "OK"), ended
    assert stored_files(core, ended.job) == files_of(UPLOADS["folder"], clients)
