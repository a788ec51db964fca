"""Names outside data/, names that cannot be restored, and repeated names."""

from ingest.errors.fault_codes import FaultCode
from tests.corpus.archive_cases.builders import around, blocks, refused
from tests.corpus.case import Case
from tools.tar_blocks import extended, extension, file, header, record, with_checksum


def named(name: str, shown: str | None = None) -> Case:
    """Return a case of a member outside data/."""
    says = f"member {shown or repr(name)} is neither metadata.txt nor a file below data/"
    return refused(f"member named {name!r}", around(file(name, b"x")), FaultCode.MEMBER_OUTSIDE_DATA, says)


def unprintable(title: str, character: str) -> Case:
    """Return a case of a member with a control character in its name."""
    name = f"data/a{character}b"
    says = f"member {name!r} has a control character in its name; rename it"
    build = around(extension(record("path", name)), file("data/a", b"x"))
    return refused(f"name with {title}", build, FaultCode.PATH_HOLDS_CONTROLS, says)


def of_several(title: str, fault: FaultCode, says: str, *names: str) -> Case:
    """Return a case of members with these names."""
    return refused(title, around(*(extended(path=name) + file("data/x", b"x") for name in names)), fault, says)


CASES: list[Case] = [
    named("/data/a"),
    named("/etc/passwd"),
    named("//data/a"),
    named("/metadata.txt"),
    named("../data/a"),
    named("data/../../a"),
    named("data/../metadata.txt"),
    named("data/.."),
    named("data"),
    named("other/a"),
    named("Data/a"),
    named("METADATA.TXT"),
    named("C:\\data\\a"),
    unprintable("a NUL", "\0"),
    unprintable("a line end", "\n"),
    unprintable("a forged line of a log", "\n2026-11-25 INFO job 1 is complete"),
    unprintable("a carriage return", "\r"),
    unprintable("a terminal's escape", "\x1b[2J\x1b]0;title\x07"),
    unprintable("a delete", "\x7f"),
    unprintable("an escape of eight bits", "\x9b31m"),
    refused(
        "name that is not UTF-8",
        around(extension(record("path", b"data/latin-\xe9")), file("data/a", b"x")),
        FaultCode.PATH_NOT_UTF8,
        r"member 'data/latin-\udce9' has a name that is not UTF-8; rename it",
    ),
    refused(
        "name of half a surrogate pair",
        around(extension(record("path", b"data/\xed\xa0\x80")), file("data/a", b"x")),
        FaultCode.PATH_NOT_UTF8,
        "has a name that is not UTF-8",
    ),
    refused(
        "name that is not UTF-8 in a header",
        around(with_checksum(header("data/x").replace(b"data/x", b"data/\xff"))),
        FaultCode.PATH_NOT_UTF8,
        r"member 'data/\udcff' has a name that is not UTF-8; rename it",
    ),
    of_several(
        "component of 256 letters",
        FaultCode.PATH_TOO_LONG,
        "or 255 characters between two slashes",
        f"data/{'n' * 256}",
    ),
    of_several(
        "component of 256 Japanese letters",
        FaultCode.PATH_TOO_LONG,
        "or 255 characters between two slashes",
        f"data/{'日' * 256}",
    ),
    of_several(
        "path of 4200 bytes",
        FaultCode.PATH_TOO_LONG,
        "has a path of more than 4095 bytes",
        "data/" + "/".join(["n" * 199] * 21),
    ),
    of_several("member twice", FaultCode.MEMBER_TWICE, "member 'a' is in the bundle twice", "data/a", "data/a"),
    of_several("member twice in two ways", FaultCode.MEMBER_TWICE, "member 'a/b'", "data/a/b", "./data//a/./b"),
    refused(
        "names that differ in case",
        around(file("data/Name", b"x"), file("data/name", b"y")),
        FaultCode.PATH_AMBIGUOUS,
        "paths 'Name' and 'name' differ only in case or in Unicode form; rename one",
    ),
    refused(
        "folders that differ in case",
        around(file("data/A/x", b"x"), file("data/a/x", b"y")),
        FaultCode.PATH_AMBIGUOUS,
        "paths 'A/x' and 'a/x'",
    ),
    refused(
        "names that differ in case beyond ASCII",
        around(file("data/STRASSE", b"x"), file("data/straße", b"y")),
        FaultCode.PATH_AMBIGUOUS,
        r"paths 'STRASSE' and 'stra\xdfe'",
    ),
    refused(
        "names that differ in Unicode form",
        around(file("data/é", b"x"), file("data/e\u0301", b"y")),
        FaultCode.PATH_AMBIGUOUS,
        r"paths 'e\u0301' and '\xe9'",
    ),
    refused(
        "every fault of names together",
        around(file("x", b""), file("/y", b""), file("data/a", b""), file("data/A", b""), file("data/a", b"")),
        (FaultCode.MEMBER_OUTSIDE_DATA, FaultCode.MEMBER_TWICE, FaultCode.PATH_AMBIGUOUS),
        "member 'x' is neither",
        "member '/y' is neither",
        "member 'a' is in the bundle twice",
        "paths 'A' and 'a'",
    ),
    refused(
        "more faults than are listed",
        blocks(*(file(f"bad-{number}") for number in range(107)), bytes(1024)),
        FaultCode.MEMBER_OUTSIDE_DATA,
        "member 'bad-99' is neither",
        "; and 7 more",
    ),
]
