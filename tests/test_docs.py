"""The documentation matches the code: each failing test names the page to fix."""

import hashlib
import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.access.declarations import declared
from api.app import create_app
from docs import build
from ingest.bundles.bundle_metadata import MetadataReader
from ingest.errors.advice import advice_on
from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import (
    FOR_UPLOADER,
    INTERNAL_ERROR,
    RUN_LOST,
    RUN_MARKED_FAILED,
    CatalogRejected,
    FilesRejected,
    InvalidBundle,
    InvalidMetadata,
    InvalidSource,
    PolicyRejected,
)
from ingest.settings.loading import Settings, sources
from ingest.states.airflow import Run, TaskInstance
from ingest.states.job_record import JobRecord, JobState, JobStatus, Outcome, StageError
from ingest.states.job_state import (
    CLEARS_ALLOWED,
    GIVEN_UP_TEXT,
    LOST_TEXT,
    MISSING_TEXT,
    RECEIVED_LABEL,
    SKIPPED_TEXT,
    job_state,
)
from ingest.states.stages import STAGES, Kind, Stage
from ingest.states.waiting import Resumption, Waiting

PROJECT = Path(__file__).parents[1]
README = PROJECT / "README.md"
DOCS = PROJECT / "docs"
REFERENCE = DOCS / "reference"
PAGES = sorted([*PROJECT.glob("*.md"), *DOCS.rglob("*.md")])

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
JSON_BLOCK = re.compile(r"^```json\n(.*?)^```", re.MULTILINE | re.DOTALL)
MAKE = re.compile(r"(?:^|`)make ([a-z-]+)", re.MULTILINE)
TARGET = re.compile(r"^([.a-z-]+):", re.MULTILINE)
CODE_OF_ERROR = re.compile(r'^    code(?:: str)? = "(\w+)"', re.MULTILINE)

# Codes that no error type has.
CONSTANTS = {INTERNAL_ERROR, RUN_LOST, RUN_MARKED_FAILED}
REJECTIONS = (CatalogRejected, FilesRejected, InvalidBundle, InvalidMetadata, InvalidSource, PolicyRejected)

PERMANENT = StageError(Stage.LOAD_METADATA, "the bundle has no metadata.txt", final=True)
PASSING = StageError(Stage.OPEN_TAR, "the database of jobs does not answer", final=False)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def to_one_line(text: str) -> str:
    return " ".join(text.split())


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub creates for the headings of a page."""
    headings = HEADING.findall(CODE_BLOCK.sub("", text_of(page)))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section(page: Path, heading: str) -> str:
    """Return the text between a heading and the next one."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", text_of(page), re.MULTILINE | re.DOTALL)
    assert found, f"{page.name} has no heading {heading!r}"
    return found[1]


def cells(text: str) -> list[list[str]]:
    """Return the rows of the tables in a text, without the header rows."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rules = [number for number, row in enumerate(rows) if set("".join(row)) <= {"-"}]
    heads = {number - 1 for number in rules}
    return [row for number, row in enumerate(rows) if number not in heads and number not in rules]


def test_the_settings_page_is_up_to_date() -> None:
    assert text_of(build.PAGE) == build.page(), "run make docs"


def test_the_advice_in_answers_is_that_of_the_page_of_errors() -> None:
    assert text_of(build.ADVICE_FILE) == build.advice(), "run make docs"


def test_every_code_on_the_page_of_errors_has_advice() -> None:
    codes = set(re.findall(r"^\| `(\w+)` \|", text_of(build.ERRORS_PAGE), re.MULTILINE))
    assert codes == {code for code in codes if advice_on(code).what_to_do}


def test_every_setting_and_its_variables_are_on_the_settings_page() -> None:
    page = build.page()
    for name, source in sources(Settings).items():
        assert f"`{source['option']}`" in page, name
        assert all(f"`{variable}`" in page for variable in source["environment"]), name


def codes_in_the_code() -> set[str]:
    sources = [*(PROJECT / "plugins/ingest").rglob("*.py"), *(PROJECT / "api").rglob("*.py")]
    return {code for source in sources for code in CODE_OF_ERROR.findall(text_of(source))} | CONSTANTS


def test_error_codes_are_found_in_the_code() -> None:
    assert {
        "ingest_error",
        "bundle_invalid",
        "spool_full",
        "outcome_unknown",
        "too_many_uploads",
    } <= codes_in_the_code()


@pytest.mark.parametrize("code", sorted(codes_in_the_code()))
def test_every_error_code_is_explained(code: str) -> None:
    assert f"`{code}`" in section(REFERENCE / "errors.md", "Codes"), f"explain `{code}` in docs/reference/errors.md"


def test_every_explained_error_code_exists() -> None:
    explained = {row[0].strip("`") for row in cells(section(REFERENCE / "errors.md", "Codes"))}
    assert explained <= codes_in_the_code(), "docs/reference/errors.md explains codes that no error has"


@pytest.mark.parametrize("row", cells(section(REFERENCE / "errors.md", "Codes")), ids=lambda row: row[0])
def test_every_code_has_a_responsible_party(row: list[str]) -> None:
    assert set(row[2].split(", ")) <= {"uploader", "facility", "admin", "nobody"}, f"docs/reference/errors.md, {row[0]}"


def test_every_rejection_is_the_uploaders_fault() -> None:
    whose = {row[0].strip("`"): row[2] for row in cells(section(REFERENCE / "errors.md", "Codes"))}
    assert all(whose[kind.code].startswith("uploader") for kind in REJECTIONS)


def test_every_fault_is_explained_and_every_explained_fault_exists() -> None:
    explained = [row[0].strip("`") for row in cells(section(REFERENCE / "errors.md", "Codes of single faults"))]
    assert sorted(explained) == sorted(FaultCode), "docs/reference/errors.md, Codes of single faults"


@pytest.mark.parametrize("page", ["api.md", "errors.md"])
def test_prefix_of_texts_for_uploaders_is_documented(page: str) -> None:
    assert f"`{FOR_UPLOADER}`" in text_of(REFERENCE / page), f"docs/reference/{page}"


def test_the_labels_are_those_of_the_stages() -> None:
    rows = cells(section(REFERENCE / "api.md", "Labels"))
    documented = {row[0].strip("`"): row[1].strip("`") for row in rows}
    received = documented.pop(RECEIVED_LABEL)
    assert received == "(received, nothing has started)"
    assert documented == {stage.label: stage.value for stage in Stage}, "docs/reference/api.md, Labels"


def run(state: str, *tasks: tuple[Stage, str]) -> Run:
    return Run(state, tuple(TaskInstance(stage, task, try_number=1) for stage, task in tasks))


def job(
    error: StageError | None = None,
    outcome: Outcome | None = None,
    override: JobState | None = None,
    finished: Stage | None = None,
    clears: int = 0,
    cancellation: str = "",
    waiting: Waiting | None = None,
    last: JobState | None = None,
) -> JobRecord:
    return JobRecord(
        Kind.INGEST,
        error=error,
        outcome=outcome,
        override=override,
        finished=finished,
        clears=clears,
        cancellation=cancellation,
        waiting=waiting,
        last=last,
        stage=Stage.LOAD_METADATA,
        percent=100.0,
    )


AS_SET = JobState(JobStatus.FAILED, "ingest files", 5.0, "Failed by administrator", complete=True)
CANCELED = "canceled: by ada at 2026-11-23 20:21:03 UTC; to archive the data, send it as a new job"
WAITING = Waiting(
    "archive",
    "http://archive:8080/17",
    since=datetime(2026, 11, 30, 13, 10, tzinfo=UTC),
    attempt=7,
    next_attempt_at=datetime(2026, 11, 30, 14, 5, tzinfo=UTC),
    code="service_unavailable",
    reason="Connection refused",
    retry_until=datetime(2026, 12, 3, 13, 10, tzinfo=UTC),
)
SHOWN = JobState(JobStatus.FAILED, Stage.LOAD_METADATA.label, 0.0, PERMANENT.text, complete=True)
TAR_DONE = (Stage.OPEN_TAR, "success")
# One for each row of the table "How the state is found", in its order.
EXAMPLES = [
    (job(outcome=Outcome.CATALOGED), run("failed")),
    (job(cancellation=CANCELED), run("running", TAR_DONE, (Stage.LOAD_METADATA, "running"))),
    (job(override=AS_SET), run("failed")),
    (
        job(error=replace(PASSING, stage=Stage.LOAD_METADATA), waiting=WAITING),
        run("failed", TAR_DONE, (Stage.LOAD_METADATA, "failed")),
    ),
    (job(), None),
    (job(error=PERMANENT), Run(None)),
    (job(), Run(None)),
    (job(error=PERMANENT, last=SHOWN), run("running", TAR_DONE, (Stage.LOAD_METADATA, "running"))),
    (job(), run("running", TAR_DONE, (Stage.LOAD_METADATA, "running"))),
    (job(error=PASSING), run("running", TAR_DONE, (Stage.LOAD_METADATA, "up_for_retry"))),
    (job(error=PERMANENT), run("failed", TAR_DONE, (Stage.LOAD_METADATA, "failed"))),
    (job(error=PERMANENT), run("running", TAR_DONE, (Stage.LOAD_METADATA, "failed"))),
    (job(finished=Stage.OPEN_TAR), run("success", TAR_DONE)),
    (job(finished=Stage.OPEN_TAR), Run("success", (), tuple(STAGES[Kind.INGEST]))),
    (job(finished=Stage.OPEN_TAR), run("failed", TAR_DONE)),
    (job(finished=Stage.OPEN_TAR, clears=CLEARS_ALLOWED), run("failed", TAR_DONE)),
    (job(), run("queued")),
    (job(), run("running", TAR_DONE)),
]
TEXTS_OF_STATES = {
    "text 1": SKIPPED_TEXT,
    "text 2": MISSING_TEXT,
    "text 3": LOST_TEXT,
    "text 4": GIVEN_UP_TEXT,
    "text 5": WAITING.sentence,
    "text 6": replace(WAITING, resumption=Resumption.IN_LINE).sentence,
}
TEXTS = {**TEXTS_OF_STATES, "the cancellation": CANCELED, "the error": PERMANENT.text, "empty": ""}


def test_the_state_table_has_a_row_for_each_example() -> None:
    assert len(cells(section(REFERENCE / "api.md", "How the state is found"))) == len(EXAMPLES)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_state_table_is_what_the_code_does(number: int) -> None:
    what, state, task, percent, exception, complete = cells(section(REFERENCE / "api.md", "How the state is found"))[
        number
    ]
    answer = job_state(*EXAMPLES[number])
    if state == "as set":
        assert answer == AS_SET
        return
    assert state.strip("`") == answer.state, what
    assert complete.strip("`") == str(answer.complete).lower(), what
    assert task.strip("`") == answer.task if task.startswith("`") else answer.task != RECEIVED_LABEL, what
    if percent.startswith("`"):
        assert percent.strip("`") == answer.percent_text, what
    else:
        assert "99.9" in percent, what
        assert answer.percent_text == "99.9", what
    if exception in TEXTS:
        assert answer.exception == TEXTS[exception], what


@pytest.mark.parametrize("text", TEXTS_OF_STATES.values())
def test_the_texts_of_states_are_documented(text: str) -> None:
    assert f"`{text}`" in to_one_line(text_of(REFERENCE / "api.md")), "docs/reference/api.md, How the state is found"


METHODS = {"GET", "POST", "PATCH", "DELETE"}


def endpoints() -> list[str]:
    rules = create_app(Settings()).url_map.iter_rules()
    return sorted(f"{method} {rule.rule}" for rule in rules for method in (rule.methods or set()) & METHODS)


@pytest.mark.parametrize("endpoint", endpoints())
def test_every_endpoint_is_documented(endpoint: str) -> None:
    assert f"`{endpoint}`" in text_of(REFERENCE / "api.md"), f"describe {endpoint} in docs/reference/api.md"


def test_every_documented_endpoint_exists() -> None:
    documented = set(
        re.findall(r"^\| \[`((?:GET|POST|PATCH|DELETE) [^`]+)`\]", text_of(REFERENCE / "api.md"), re.MULTILINE)
    )
    assert documented == set(endpoints())


def test_every_status_that_the_api_answers_is_in_its_table_of_errors() -> None:
    document = create_app(Settings()).test_client().get("/openapi.json").get_json()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    answered = {status for operation in operations for status in operation["responses"] if status >= "300"}
    assert answered <= {row[0] for row in cells(section(REFERENCE / "api.md", "Errors"))}, (
        "docs/reference/api.md, Errors"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(CODE_BLOCK.sub("", text_of(page))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name) if name else page
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in anchors(target), f"{link}: there is no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_make_targets_exist(page: Path) -> None:
    targets = set(TARGET.findall(text_of(PROJECT / "Makefile")))
    assert set(MAKE.findall(text_of(page))) <= targets


@pytest.mark.parametrize(("heading", "kind"), [("metadata.txt", Kind.INGEST), ("Move documents", Kind.MOVE)])
def test_the_examples_of_the_bundle_format_are_good(heading: str, kind: Kind) -> None:
    document = JSON_BLOCK.findall(section(REFERENCE / "bundle-format.md", heading))[0]
    reader = MetadataReader(io.BytesIO(document.encode()), kind, job_id=1)
    assert [file.path for file in reader.files()] == ["mywork/results.csv"]
    assert not reader.faults
    assert set(reader.transaction) == {"submitter", "project", "instrument"}


def test_the_bundle_of_the_readme_fits_its_metadata() -> None:
    shell = section(README, "Upload a bundle")
    contents = re.search(r"printf '([^']*)'", shell)
    document = re.search(r"<<'END'\n(.*?)^END$", shell, re.MULTILINE | re.DOTALL)
    assert contents
    assert document
    data = contents[1].replace("\\n", "\n").encode()
    file = next(MetadataReader(io.BytesIO(document[1].encode()), Kind.INGEST, job_id=1).files())
    assert (file.size, file.hash_sum) == (len(data), hashlib.sha1(data).hexdigest())


def test_answers_in_the_pages_have_the_documented_keys() -> None:
    keys = {row[0].strip("`") for row in cells(section(REFERENCE / "api.md", "`GET /get_state`"))}
    answers = [
        json.loads(block) for page in (README, REFERENCE / "api.md") for block in JSON_BLOCK.findall(text_of(page))
    ]
    states = [answer for answer in answers if "created" in answer]
    assert states
    assert all(set(state) == keys for state in states)


def test_the_documented_proxy_requires_no_user_for_public_calls() -> None:
    app = create_app(Settings(database_url="postgresql://x/y"))
    rules = {rule.endpoint: rule.rule for rule in app.url_map.iter_rules()}
    public = {endpoint for endpoint, access in declared(app).items() if access.is_public}
    without_user = re.search(
        r"location ~ (\S+) \{\n(.*?)\}", section(DOCS / "how-to/control-access.md", "Behind a proxy"), re.DOTALL
    )
    assert without_user
    assert {name for name, rule in rules.items() if re.search(without_user[1], rule)} == public
    # Otherwise a client could name a user in a path that nginx and the API parse differently.
    assert 'proxy_set_header X-Http-Authed-User "";' in without_user[2]


def test_every_test_that_the_security_page_names_exists() -> None:
    named = re.findall(r"`((?:test_|tests/|tools/)[\w/.]+)`", text_of(DOCS / "explanation/security.md"))
    tests = "\n".join(text_of(path) for path in (PROJECT / "tests").rglob("test_*.py"))
    functions = set(re.findall(r"^ *def (test_\w+)\(", tests, re.MULTILINE))
    assert len(named) > 50
    assert {name for name in named if name not in functions and not (PROJECT / name).exists()} == set()


FOLDERS = sorted(
    path.name
    for folder in ("plugins/ingest", "api")
    for path in (PROJECT / folder).iterdir()
    if path.is_dir() and path.name != "__pycache__"
)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_is_in_the_tree_of_the_page_for_developers(folder: str) -> None:
    assert f"\n  {folder}/ " in section(PROJECT / "docs/develop.md", "The tree")


DECISIONS = sorted((DOCS / "decisions").glob("[0-9]*.md"))
STATUS = re.compile(r"accepted(, amended by \d+)?|superseded by \d+")


@pytest.mark.parametrize("record", DECISIONS, ids=lambda record: record.stem)
def test_every_decision_has_number_date_and_status_and_is_listed(record: Path) -> None:
    number = int(record.name[:4])
    head = re.match(r"# (\d+)\. (.+)\n\n- Status: (.+)\n- Date: (\d{4}-\d\d-\d\d)\b.*\n", text_of(record))
    assert head, f"{record.name} does not begin with a numbered title, a status and a date"
    assert int(head[1]) == number
    assert STATUS.fullmatch(head[3]), record.name
    listed = cells(text_of(DOCS / "decisions/README.md"))
    assert [f"[{number}. {head[2]}]({record.name})", head[4], head[3]] in listed, "docs/decisions/README.md"


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(record.name[:4]) for record in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("record", DECISIONS, ids=lambda record: record.stem)
def test_every_decision_has_the_same_sections(record: Path) -> None:
    headings = re.findall(r"^## (.*)$", text_of(record), re.MULTILINE)
    optional = {"Measurement", "Consequences"}
    assert headings == [
        heading
        for heading in ("Question", "Measurement", "Choice", "Consequences")
        if heading in headings or heading not in optional
    ]


NAMED_PATH = re.compile(
    r"(?<![\w/.-])((?:tests|tools|api|plugins/ingest|dags|config|docs|bench)/[\w/.-]+\.(?:py|md))(?!\w)"
)
# The page for developers describes how to add this file.
EXAMPLES_OF_PATHS = {"plugins/ingest/stages/scan_files.py"}


def test_every_file_that_code_and_documentation_name_exists() -> None:
    sources = [path for folder in ("api", "bench", "config", "dags", "docs", "plugins", "tests", "tools")
               for path in (PROJECT / folder).rglob("*.py")]  # fmt: skip
    missing = {
        f"{path.relative_to(PROJECT)}: {name}"
        for path in (*sources, *PAGES)
        for name in NAMED_PATH.findall(text_of(path))
        if name not in EXAMPLES_OF_PATHS and not (PROJECT / name).exists()
    }
    assert missing == set()
