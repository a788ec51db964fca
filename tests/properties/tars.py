"""Strategies for the members that `tarfile` and GNU tar write, and for corrupted tars."""

import io
import tarfile
from dataclasses import dataclass

from hypothesis import strategies as st

from tests.properties.documents import plain_names, texts
from tools.fuzz.seeds import FORMATS, tars
from tools.fuzz.tar_mutations import joined, mutated

SEEDS = tuple(tars())
METADATA = "metadata.txt"


@dataclass(frozen=True)
class Written:
    """A member to write; a folder has no content."""

    name: str
    content: bytes | None = None
    mtime: float = 0
    records: tuple[tuple[str, str], ...] = ()


parts = plain_names | st.integers(90, 255).map(lambda length: "n" * length)
paths = st.lists(parts, min_size=1, max_size=4).map("/".join)
contents = st.binary(max_size=5) | st.sampled_from([0, 511, 512, 513, 1500]).map(lambda size: b"x" * size)
mtimes = st.integers(-(10**6), 2**34) | st.floats(-1e6, 1e9)
# Records that uploaders' systems add, none of which changes the type or name of a member.
records = st.lists(
    st.tuples(
        st.sampled_from(["comment", "SCHILY.fflags", "LIBARCHIVE.creationtime", "MSWINDOWS.rawsd", "日本"]), texts
    ),
    max_size=2,
    unique_by=lambda record: record[0],
).map(tuple)
beginnings = st.sampled_from(["data/", "./data/", "data//", "data/./"])
files = st.builds(
    lambda beginning, path, *rest: Written(beginning + path, *rest), beginnings, paths, contents, mtimes, records
)
folders = paths.map(lambda path: Written(f"data/{path}"))


@st.composite
def listings(draw: st.DrawFn) -> list[Written]:
    """Return files and folders below data/, with metadata.txt among them."""
    members = draw(st.lists(files | folders, max_size=5))
    place = draw(st.integers(0, len(members)))
    return [*members[:place], Written(METADATA, b"[]"), *members[place:]]


def write(members: list[Written], tar_format: int) -> bytes:
    """Write a tar with `tarfile`; raises ValueError where the format cannot hold it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as tar:
        for member in members:
            info = tarfile.TarInfo(member.name)
            info.mtime = member.mtime  # the PAX format has fractions
            info.pax_headers = dict(member.records)
            info.type = tarfile.REGTYPE if member.content is not None else tarfile.DIRTYPE
            info.size = len(member.content or b"")
            tar.addfile(info, io.BytesIO(member.content or b""))
    return buffer.getvalue()


formats = st.sampled_from(FORMATS)


@st.composite
def corrupted_tars(draw: st.DrawFn) -> bytes:
    """Return a tar with some bytes changed, or parts of two tars."""
    random = draw(st.randoms(use_true_random=False))
    tar = mutated(draw(st.sampled_from(SEEDS)), random)
    return joined(tar, draw(st.sampled_from(SEEDS)), random) if draw(st.booleans()) else tar
