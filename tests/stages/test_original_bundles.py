"""The bundles of pacifica-ingest 0.4.1's own HTTP tests, on the real services: each ends as docs/how-to/upgrade.md says.

Made as its `.travis.yml` makes them: `tar -cf NAME.tar metadata.txt data` over one folder `data` of three files, though the
metadata of all but the good one lists only two of them.
"""

from pathlib import Path

import pytest

from ingest.settings.fields import REJECT, SKIP
from ingest.states.stages import Stage
from tests.job_fixtures import RunOnCore
from tools.bundles import Entry, file_entry, make_bundle

TABLE = "\u30d1\u30bd\u30b3\u30f3\u8cc7\u7523\u7ba1\u7406\u53f0\u5e33\uff08S&T HK\uff09_\u73fe\u5730\u8abf\u9054PC.xls"
DATA = {"data/a/b/foo.txt": b"foo\n", "data/a/b/bar.txt": b"bar\n", f"data/a/c/{TABLE}": b"foo\n"}
TIME = "Tue Nov 29 14:09:05 PST 2016"


def metadata(project: str, *files: Entry) -> list[Entry]:
    values = {"submitter": 10, "project": project, "instrument": 54}
    return [
        *({"destinationTable": f"Transactions.{name}", "value": value} for name, value in values.items()),
        *({"destinationTable": "TransactionKeyValue", "key": f"Temp {unit}", "value": "27"} for unit in "CF"),
        {"destinationTable": "TransactionKeyValue", "key": "Tag", "value": "foo"},
        *files,
    ]


def file(path: str, **changes: object) -> Entry:
    plain: Entry = {"mimetype": "text/plain", "mtime": TIME, "ctime": TIME}
    return file_entry(path, DATA[path], **{**plain, **changes})


FOO, BAR, XLS = DATA
BUNDLES: dict[str, list[Entry] | bytes] = {
    "good": metadata("1234a", file(FOO, subdir="data/a/b/"), file(BAR, subdir="data//a/b"), file(XLS)),
    "bad-project": metadata("12", file(FOO, size=128), file(BAR, size=47)),
    "bad-hashsum": metadata("1234a", file(FOO, hashsum="deadbeef"), file(BAR)),
    "bad-mimetype": metadata("1234a", file(FOO, mimetype="lame-mime-type"), file(BAR)),
    "bad-json": b"[{]",
}


@pytest.mark.parametrize(
    ("bundle", "originally", "skipping", "rejecting"),
    [
        ("good", None, None, None),
        ("bad-mimetype", Stage.INGEST_METADATA, Stage.INGEST_METADATA, Stage.LOAD_METADATA),
        # Its sizes are wrong.
        ("bad-project", Stage.VALIDATE_POLICY, Stage.LOAD_METADATA, Stage.LOAD_METADATA),
        # Its hash is not a hash.
        ("bad-hashsum", Stage.INGEST_FILES, Stage.LOAD_METADATA, Stage.LOAD_METADATA),
        ("bad-json", Stage.LOAD_METADATA, Stage.LOAD_METADATA, Stage.LOAD_METADATA),
    ],
)
@pytest.mark.parametrize("unlisted_members", [SKIP, REJECT])
def test_bundles_of_the_original_services_tests_end_as_documented(
    run_on_core: RunOnCore,
    bundle: str,
    unlisted_members: str,
    originally: Stage | None,
    skipping: Stage | None,
    rejecting: Stage | None,
):
    ended = run_on_core(make_bundle(DATA, BUNDLES[bundle]), INGEST_UNLISTED_MEMBERS=unlisted_members)
    assert ended == (skipping if unlisted_members == SKIP else rejecting)
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "upgrade.md").read_text(encoding="utf-8")
    if originally != skipping:
        assert f"| `{bundle}` |" in page
