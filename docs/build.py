"""Write `docs/reference/configuration.md` from the settings in the code: `make docs`.

`tests/test_docs.py` compares the page with what this makes, so a setting cannot change without its documentation.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import Any

from pydantic import BaseModel

from ingest.local.environment import AIRFLOW_TUNING
from ingest.settings.loading import CONFIG_FILE_VARIABLE, DagSettings, Settings, sources

COLUMNS = ["Variable", "Default", "Form", "What it is"]
PAGE = Path(__file__).parent / "reference" / "configuration.md"
# The value is the path of the clone, which differs from machine to machine.
NOT_SHOWN = frozenset({"AIRFLOW__CORE__DAGS_FOLDER"})

HEAD = f"""\
# Configuration

<!-- Made by docs/build.py from ingest.settings.loading. Do not edit: change the settings, then run `make docs`. -->

Settings are read from three places. The first that has a value wins:

1. environment variables (where a setting has two, the first one listed); an empty variable counts as not set;
2. the INI file that `{CONFIG_FILE_VARIABLE}` names (`-c FILE` does so for `pacifica-ingest` and `pacifica-ingest-cmd`).
   Where it is not set at all, `~/.pacifica-ingest/config.ini` is read if it is there; where it is empty, no file is;
3. the default.

Where the file and a variable say something different, a warning names both, and the variable wins.

All settings are checked when a process starts. A wrong value stops it with the name of the setting and what it may be.
Settings are read once by the API, and at the start of each try by a stage.

## From the original service

An INI file and the variables of the original Pacifica Ingest work as they are, if `peewee_url` names a PostgreSQL database
([upgrading](../how-to/upgrade.md) tells all). Its `[celery]` section is not used; the log says so.

- `peewee_url` and `PEEWEE_URL` are read as peewee reads them: also with the schemes `postgres`, `postgresext`,
  `postgresqlext` and each of them with `+pool`, and with **user and password as they are written**. In `INGEST_DATABASE_URL`
  they are percent-encoded: the password `a@b` is `a%40b` there.
- In the file a percent sign is doubled, as in the original, but in `[airflow]`. A single one is taken too.
- Of the CherryPy file (`pacifica-ingest --cp-config FILE`, `INGEST_CPCONFIG`, or `~/.pacifica-ingest/cpconfig.ini`)
  `server.socket_host` and `server.socket_port` are taken where `-a` and `-p` do not say it.

A service whose setting is missing from the file is the built-in one. For a real installation set all four URLs:

```ini
[ingest]
volume_path = /srv/ingest/spool
[uniqueid]
url = http://127.0.0.1:8051
[policy]
ingest_url = http://127.0.0.1:8181/ingest
[archiveinterface]
url = http://127.0.0.1:8080
[metadata]
ingest_url = http://127.0.0.1:8121/ingest
[database]
peewee_url = postgresql://ingest:secret@127.0.0.1:5432/ingest
[airflow]
url = http://127.0.0.1:8090
username = ingest
password = secret
```

Every process needs the same settings: the API, Airflow's scheduler and workers (the stages run there), and the shell
that `pacifica-ingest-cmd` is called in.
"""
DAGS = """\
## DAGs

Read from the environment only, by Airflow's scheduler, dag-processor and workers, because nothing is read from disk
while a DAG file is imported. Restart Airflow after a change.
"""
LOCAL = """\
## `make run`

`make run` takes every variable above from the environment that it is called in, and an INI file only where `INGEST_CONFIG`
names one. These are its own:

| Variable | Default | What it is |
|---|---|---|
| `INGEST_HOME` | `var/` in the project | The folder of all state. |
| `INGEST_PORT` | `8066` | The port of the API. |
| `AIRFLOW_PORT` | `8090` | The port of Airflow's UI and REST API. |
| `PYTHON` | `python3` | The Python (3.11 or newer) that `make` makes the environment with. |

What is not set lies below `INGEST_HOME`: the spool (`spool/`), the archive (`archive/`), the folder that files may be moved
from (`move/`), the one in which they are handed over to ArchiveInterface (`staging/`) and the database (`postgres/`).
`INGEST_AIRFLOW_URL`, `INGEST_AIRFLOW_USERNAME` and `INGEST_AIRFLOW_PASSWORD` are always the stack's own.
`DATABASE_CONNECT_WAIT` is 1.

`make run` also sets these options of Airflow. A variable of the same name in your environment wins:

| Variable | Value |
|---|---|
"""


def page() -> str:
    """Give the whole page."""
    return "\n".join([HEAD, *_ini_sections(), DAGS, _dag_table(), LOCAL + "".join(_tuning())])


def _ini_sections() -> Iterator[str]:
    found = sources(Settings)
    for section in dict.fromkeys(source["section"] for source in found.values()):
        rows = [_row(Settings, name, source) for name, source in found.items() if source["section"] == section]
        yield f"## `[{section}]`\n"
        yield _table(["Option", *COLUMNS], rows)


def _dag_table() -> str:
    # These have no place in the INI file.
    return _table(COLUMNS, [_row(DagSettings, name, source)[1:] for name, source in sources(DagSettings).items()])


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ["---"] * len(head), *rows))


def _row(model: type[BaseModel], name: str, source: dict[str, Any]) -> list[str]:
    field = model.model_fields[name]
    variables = ", ".join(f"`{variable}`" for variable in source["environment"])
    return [f"`{source['option']}`", variables, _value(field.default), source["form"], field.description or ""]


def _value(default: object) -> str:
    """Give a default as it would be written in the INI file."""
    if isinstance(default, tuple):
        default = ",".join(str(part) for part in default)
    if default is None:
        return "(empty)"
    if isinstance(default, float) and default.is_integer():
        default = int(default)
    text = str(default) if not isinstance(default, PurePath) else default.as_posix()
    return f"`{text}`" if text else "(empty)"


def _tuning() -> Iterator[str]:
    for name, value in AIRFLOW_TUNING.items():
        if name not in NOT_SHOWN:
            yield f"| `{name}` | `{value}` |\n"


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
