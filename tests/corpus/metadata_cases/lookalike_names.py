"""Names that look alike in tar and metadata but differ: the text shows both and their difference."""

from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import InvalidMetadata
from ingest.states.stages import Stage
from tests.corpus.archive_cases.builders import blocks, listing, refused
from tests.corpus.case import Case, Refused
from tools.tar_blocks import END, extended, file

DEEP = "日本語/" * 30
FAULTS = (FaultCode.MEMBER_UNLISTED, FaultCode.FILE_LACKING)


def alike(title: str, in_tar: str, in_metadata: str, difference: str) -> Case:
    """Return a bundle with one file whose name differs in the metadata."""
    shown = f"(in the bundle and in the metadata {in_tar!a} and {in_metadata!a} differ only {difference})"
    says = (
        f"member {in_tar!r} is not listed in the metadata {shown}",
        f"file {in_metadata!r} is listed in the metadata, but missing from the bundle {shown}",
    )
    build = blocks(file(f"data/{in_tar}", b"x"), listing(**{in_metadata: b"x"}), END)
    return Refused(f"alike: {title}", build, Stage.LOAD_METADATA, InvalidMetadata, FAULTS, says)


def misplaced(title: str, name: str, shown: str) -> Case:
    """Return a case of a member whose folder looks like the right one."""
    says = f"member {name!r} is neither metadata.txt nor a file below data/ ({shown})"
    return refused(f"alike: {title}", blocks(file(name, b"x"), END), FaultCode.MEMBER_OUTSIDE_DATA, says)


CASES: list[Case] = [
    alike("Unicode form", "Pru\u0308fung.txt", "Pr\u00fcfung.txt", "in Unicode form"),
    alike("Korean in Unicode form", "\u1112\u1161\u11ab", "\ud55c", "in Unicode form"),
    alike("case", "a/Results.CSV", "a/results.csv", "in case"),
    alike("case beyond ASCII", "STRASSE", "stra\u00dfe", "in case"),
    alike("case and Unicode form", "PRU\u0308FUNG", "pr\u00fcfung", "in case and Unicode form"),
    alike("space at the end", "results.csv ", "results.csv", "in spaces"),
    alike("space that does not break", "run\u00a07.csv", "run 7.csv", "in spaces"),
    alike("space of no width", "run\u200b7.csv", "run7.csv", "in spaces"),
    alike("Cyrillic letter", "d\u0430ta.csv", "data.csv", "in characters that look alike"),
    alike("dash", "a\u2013b.csv", "a-b.csv", "in characters that look alike"),
    alike("wide letters", "\uff52\uff55\uff4e.csv", "run.csv", "in characters that look alike"),
    alike("digit", "run1.csv", "runl.csv", "in characters that look alike"),
    Refused(
        "alike: names that are not",
        blocks(file("data/\u00e4", b"x"), listing(**{"\u00f6": b"x"}), END),
        Stage.LOAD_METADATA,
        InvalidMetadata,
        FAULTS,
        (
            "member '\u00e4' is not listed in the metadata [member_unlisted]",
            "file '\u00f6' is listed in the metadata, but missing from the bundle [file_lacking]",
        ),
    ),
    Refused(
        "alike: long paths that differ at their end",
        blocks(extended(path=f"data/{DEEP}e\u0301") + file("data/x", b"x"), listing(**{f"{DEEP}\u00e9": b"x"}), END),
        Stage.LOAD_METADATA,
        InvalidMetadata,
        FAULTS,
        (r"\u8a9e/e\u0301' and ...'", r"\u8a9e/\xe9' differ only in Unicode form)"),
    ),
    refused(
        "alike: long members that differ at their end",
        blocks(*(extended(path=f"data/{DEEP}{name}") + file("data/x", b"x") for name in ("e\u0301", "\u00e9")), END),
        FaultCode.PATH_AMBIGUOUS,
        r"\u8a9e/e\u0301' and ...'",
        r"\u8a9e/\xe9' differ only in case or in Unicode form; rename one",
    ),
    misplaced("folder in another case", "Data/a", "'Data' and 'data' differ only in case"),
    misplaced(
        "folder of other letters", "d\u0430ta/a", r"'d\u0430ta' and 'data' differ only in characters that look alike"
    ),
    misplaced("metadata with a space", "metadata.txt ", "'metadata.txt ' and 'metadata.txt' differ only in spaces"),
    misplaced("metadata in another case", "Metadata.txt", "'Metadata.txt' and 'metadata.txt' differ only in case"),
]
