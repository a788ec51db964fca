"""Bundles, posted to the real stack in front of the real Pacifica services."""

import hashlib
import json
import tarfile

import pytest

from tools.bundles import Entry, file_entry, make_bundle, make_tar, metadata_of, transaction
from tools.pacifica_core.contents import archived, cataloged, stored
from tools.pacifica_core.core import Core
from tools.stack import Stack

ONE = {"data/one.txt": b"one\n"}
# A folder of 251 and a name of 90 characters (270 bytes); the real metadata takes 255 characters of each.
LONG = "data/" + "/".join(["a folder with a long name " + "x" * 36] * 4) + "/" + "名" * 90
THREE = {
    "data/a/b/one.txt": b"one\n",
    "data/a/b/two.bin": bytes(range(256)) * 300,
    "data/a/c/日本.txt": b"",
}
SUBDIRS = {"data/a/b/one.txt": "data/a/b/", "data/a/b/two.bin": "data//a/b", "data/a/c/日本.txt": "data/a/c"}


def one_entry(**changes: object) -> list[Entry]:
    return [*transaction(), file_entry("data/one.txt", ONE["data/one.txt"], **changes)]


def assert_complete(stack: Stack, core: Core, job: int, contents: dict[str, bytes]) -> None:
    """Assert that a job is complete, and that archive and catalog hold exactly its files."""
    state = stack.wait_for_end(job)
    assert (state["state"], state["task"], state["task_percent"]) == ("OK", "ingest metadata", "100.0"), state
    files = cataloged(core, job)
    assert files is not None
    assert archived(core, files) == {path.removeprefix("data/"): content for path, content in contents.items()}


def test_good_bundle_is_archived_and_cataloged(stack: Stack, core: Core):
    entries = [file_entry(path, content, subdir=SUBDIRS[path]) for path, content in THREE.items()]
    job = stack.post(make_bundle(THREE, [*transaction(), *entries]))
    assert_complete(stack, core, job, THREE)
    files = cataloged(core, job) or {}
    assert {path: (file["hashtype"], file["hashsum"], file["size"]) for path, file in files.items()} == {
        path.removeprefix("data/"): ("sha1", hashlib.sha1(content).hexdigest(), len(content))
        for path, content in THREE.items()
    }


def test_hash_is_accepted_in_every_form_that_clients_write(stack: Stack, core: Core):
    written_as = ["sha1 sha1:{}", "SHA1 {}", "md5 {}", "md5 MD5:{}", "sha256 {}", "SHA256 SHA256:{}"]
    entries, contents, expected = [], {}, {}
    for number, (hash_type, form) in enumerate(each.split() for each in written_as):
        content = f"content {number}".encode()
        hash_sum = hashlib.new(hash_type.lower(), content).hexdigest()
        written = form.format(hash_sum.upper() if number % 2 else hash_sum)
        entries.append(file_entry(f"data/{number}.txt", content, hashtype=hash_type, hashsum=written))
        contents[f"data/{number}.txt"] = content
        expected[f"{number}.txt"] = (hash_type.lower(), hash_sum)
    job = stack.post(make_bundle(contents, [*transaction(), *entries]))
    assert_complete(stack, core, job, contents)
    files = cataloged(core, job) or {}
    assert {path: (file["hashtype"], file["hashsum"]) for path, file in files.items()} == expected


@pytest.mark.parametrize(
    ("tar_format", "metadata_first"),
    [(tarfile.PAX_FORMAT, True), (tarfile.GNU_FORMAT, False), (tarfile.USTAR_FORMAT, True)],
)
def test_tar_is_read_in_every_format(stack: Stack, core: Core, tar_format: int, metadata_first: bool):
    # ustar cannot hold a path of more than 255 bytes.
    contents = THREE if tar_format == tarfile.USTAR_FORMAT else {**THREE, LONG: b"long"}
    document = json.dumps(metadata_of(contents)).encode()
    members = {"metadata.txt": document, **contents} if metadata_first else {**contents, "metadata.txt": document}
    assert_complete(stack, core, stack.post(make_tar(members, tar_format=tar_format)), contents)


def test_member_names_are_normalized_as_paths(stack: Stack, core: Core):
    prefixes = ("./data/", "data//", ".//data/./")
    names = {path: prefix + path.removeprefix("data/") for path, prefix in zip(THREE, prefixes, strict=True)}
    members = {names[path]: content for path, content in THREE.items()}
    job = stack.post(make_tar({**members, "./metadata.txt": json.dumps(metadata_of(THREE)).encode()}))
    assert_complete(stack, core, job, THREE)


REJECTED = {
    "not a tar": (b"this is no tar " * 100, "open tar", "the bundle is not a tar"),
    "metadata.txt that is no JSON": (make_bundle(ONE, b"[not json"), "load metadata", "the metadata is not valid JSON"),
    "a project that the submitter has not": (
        make_bundle(ONE, [{**entry, "value": "999z"} if entry.get("value") == "1234a" else entry
                          for entry in metadata_of(ONE)]),
        "Policy Validation", "Invalid values for project",
    ),
    "a wrong hash": (make_bundle(ONE, one_entry(hashsum="0" * 40)), "ingest files", "0" * 40),
    "a mime type that metadata does not know": (
        make_bundle(ONE, one_entry(mimetype="nonsense")), "ingest metadata", "'one.txt': see its mimetype"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REJECTED)
def test_bad_bundle_fails_at_its_stage_and_leaves_nothing(stack: Stack, core: Core, case: str):
    bundle, label, text = REJECTED[case]
    before = stored(core)
    job = stack.post(bundle)
    state = stack.wait_for_end(job)
    assert (state["state"], state["task"]) == ("FAILED", label)
    assert text in state["exception"]
    assert "\n" not in state["exception"]
    assert "Traceback" not in state["exception"]
    assert stored(core) == before
    assert cataloged(core, job) is None
