"""All settings: the documented INI file, overlaid by environment variables, checked once, then frozen.

Called by the API, the stages and the command line (`load_settings`), and by the DAG files (`load_dag_settings`), which
read the environment only, because nothing is read from disk while a DAG file is imported. Each field carries its
section, option, variables and description, from which `docs/configuration.md` is made (`make docs`).
"""

import logging
import os
from collections.abc import Mapping
from configparser import ConfigParser, MissingSectionHeaderError
from configparser import Error as ConfigParserError
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from ingest.errors import ConfigurationError

logger = logging.getLogger(__name__)

CONFIG_FILE_VARIABLE = "INGEST_CONFIG"
BUILT_IN = "builtin"

SERVICE_URL = rf"^({BUILT_IN}|https?://\S+)$"
ARCHIVE_URL = r"^(file:///\S.*|https?://\S+)$"
DATABASE_URL = r"^postgres(ql)?(\+psycopg2)?://.*$"


def option(
    default: Any,  # noqa: ANN401 - a default is of the field's own type, which mypy checks at the field
    section: str | None,
    name: str,
    *environment: str,
    description: str,
    form: str,
    **limits: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """Describe one setting: where it is read from, what it is for, and in `form` what it may be."""
    source: dict[str, Any] = {"section": section, "option": name, "environment": list(environment), "form": form}
    return Field(default, description=description, json_schema_extra=source, **limits)


def split_folders(value: object) -> object:
    """Split `a:b` into its folders, as in PATH; an empty text is no folder."""
    return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value


def check_database_url(value: str) -> str:
    """Raise ValueError where SQLAlchemy could not read the URL either."""
    try:
        make_url(value)
    except (ArgumentError, ValueError):
        raise ValueError("no URL of a database") from None
    return value


Folders = Annotated[tuple[Path, ...], BeforeValidator(split_folders)]


class Settings(BaseModel):
    """What the API, the stages and the command line need to know."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    volume_path: Path = option(
        Path("/tmp"),  # noqa: S108 - the documented default
        "ingest", "volume_path", "VOLUME_PATH",
        description="The spool: the folder that received bundles lie in until they are catalogued.",
        form="a folder that the API and all workers share",
    )  # fmt: skip
    transfer_size: int = option(
        1024 * 1024, "ingest", "transfer_size", "TRANSFER_SIZE",
        description="Bytes that are read and written at a time.", form="an integer from 4096 to 1073741824",
        ge=4096, le=1024**3,
    )  # fmt: skip
    auth_header: str = option(
        "X-Http-Authed-User", "ingest", "auth_header", "INGEST_AUTH_HEADER",
        description="The request header that names the user, set by the proxy in front.", form="a header's name",
        pattern=r"^[A-Za-z0-9-]+$",
    )  # fmt: skip
    default_user: str = option(
        "anonymous", "ingest", "default_user", "INGEST_DEFAULT_USER",
        description="The user of requests without that header.", form="a name", min_length=1,
    )  # fmt: skip
    receive_timeout: float = option(
        60.0, "ingest", "receive_timeout", "INGEST_RECEIVE_TIMEOUT",
        description="Seconds that an upload may send nothing before it is given up.", form="a number above 0", gt=0,
    )  # fmt: skip
    move_folders: Folders = option(
        (), "ingest", "move_folders", "INGEST_MOVE_FOLDERS",
        description="Folders that `POST /move` may take files from; none: no file can be moved.",
        form="folders, separated by colons",
    )  # fmt: skip
    service_connect_timeout: float = option(
        10.0, "ingest", "service_connect_timeout", "INGEST_SERVICE_CONNECT_TIMEOUT",
        description="Seconds to wait for a connection to a service.", form="a number above 0", gt=0,
    )  # fmt: skip
    service_read_timeout: float = option(
        300.0, "ingest", "service_read_timeout", "INGEST_SERVICE_READ_TIMEOUT",
        description="Seconds that a service may be silent before the stage is tried again.",
        form="a number above 0", gt=0,
    )  # fmt: skip
    uniqueid_url: str = option(
        BUILT_IN, "uniqueid", "url", "UNIQUEID_URL",
        description="The UniqueID service, or `builtin` for ids from a sequence in the database.",
        form="builtin or an http(s) URL", pattern=SERVICE_URL, repr=False,
    )  # fmt: skip
    policy_ingest_url: str = option(
        BUILT_IN, "policy", "ingest_url", "POLICY_INGEST_URL",
        description="Policy's ingest endpoint, or `builtin` to check only that the metadata is complete.",
        form="builtin or an http(s) URL", pattern=SERVICE_URL, repr=False,
    )  # fmt: skip
    archiveinterface_url: str = option(
        "file:///var/lib/pacifica-ingest/archive", "archiveinterface", "url", "ARCHIVEINTERFACE_URL",
        description="The ArchiveInterface service, or a folder that is the archive.",
        form="file:///folder or an http(s) URL", pattern=ARCHIVE_URL, repr=False,
    )  # fmt: skip
    metadata_ingest_url: str = option(
        BUILT_IN, "metadata", "ingest_url", "METADATA_INGEST_URL",
        description="The metadata service's ingest endpoint, or `builtin` for a catalogue in the database.",
        form="builtin or an http(s) URL", pattern=SERVICE_URL, repr=False,
    )  # fmt: skip
    database_url: Annotated[str, AfterValidator(check_database_url)] = option(
        "postgresql://ingest@127.0.0.1:5432/ingest", "database", "peewee_url", "INGEST_DATABASE_URL", "PEEWEE_URL",
        description="The PostgreSQL database of jobs (the option keeps the name that it had in the original).",
        form="postgresql://user:password@host:port/database", pattern=DATABASE_URL, repr=False,
    )  # fmt: skip
    connect_attempts: int = option(
        10, "database", "connect_attempts", "DATABASE_CONNECT_ATTEMPTS",
        description="How often to try to connect to the database at start.", form="an integer from 1", ge=1,
    )  # fmt: skip
    connect_wait: float = option(
        20.0, "database", "connect_wait", "DATABASE_CONNECT_WAIT",
        description="Seconds between those attempts.", form="a number from 0", ge=0,
    )  # fmt: skip
    airflow_url: str = option(
        "http://127.0.0.1:8090", "airflow", "url", "INGEST_AIRFLOW_URL",
        description="Airflow's api-server.", form="an http(s) URL", pattern=r"^https?://\S+$", repr=False,
    )  # fmt: skip
    airflow_username: str = option(
        "ingest", "airflow", "username", "INGEST_AIRFLOW_USERNAME",
        description="The Airflow account that triggers, reads and clears runs (role `user`).", form="a name",
    )  # fmt: skip
    airflow_password: str = option(
        "", "airflow", "password", "INGEST_AIRFLOW_PASSWORD",
        description="Its password.", form="a text", repr=False,
    )  # fmt: skip
    airflow_timeout: float = option(
        10.0, "airflow", "timeout", "INGEST_AIRFLOW_TIMEOUT",
        description="Seconds to wait for an answer of Airflow.", form="a number above 0", gt=0,
    )  # fmt: skip


class DagSettings(BaseModel):
    """What the DAG files need to know; read from the environment of Airflow's scheduler, dag-processor and workers."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    retries: int = option(
        8, None, "", "INGEST_RETRIES",
        description="How often a stage is tried again when a service is away.", form="an integer from 0", ge=0,
    )  # fmt: skip
    retry_delay: float = option(
        5.0, None, "", "INGEST_RETRY_DELAY",
        description="Seconds before the first retry; each further delay is twice as long.",
        form="a number above 0", gt=0,
    )  # fmt: skip
    max_retry_delay: float = option(
        300.0, None, "", "INGEST_MAX_RETRY_DELAY",
        description="The longest delay between two tries, in seconds.", form="a number above 0", gt=0,
    )  # fmt: skip
    stage_timeout: float = option(
        7 * 24 * 3600.0, None, "", "INGEST_STAGE_TIMEOUT",
        description="Seconds that one try of a stage may take.", form="a number above 0", gt=0,
    )  # fmt: skip
    max_active_runs: int = option(
        64, None, "", "INGEST_MAX_ACTIVE_RUNS",
        description="How many jobs of a kind run at once; the others wait in Airflow's queue.",
        form="an integer from 1", ge=1,
    )  # fmt: skip
    archive_slots: int = option(
        4, None, "", "INGEST_ARCHIVE_SLOTS",
        description="How many jobs send files to the archive at once (the size of the pool `archive`, set at launch).",
        form="an integer from 1", ge=1,
    )  # fmt: skip


Model = TypeVar("Model", Settings, DagSettings)


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the INI file that `INGEST_CONFIG` names, overlay the environment, and check everything.

    Raises ConfigurationError with the name of the setting and what it may be.
    """
    environment = os.environ if environment is None else environment
    return _checked(Settings, {**_from_ini(environment), **_from_environment(Settings, environment)})


def load_dag_settings(environment: Mapping[str, str] | None = None) -> DagSettings:
    """Read the settings of the DAGs from the environment alone; raises ConfigurationError."""
    environment = os.environ if environment is None else environment
    return _checked(DagSettings, _from_environment(DagSettings, environment))


def sources(model: type[Model]) -> dict[str, dict[str, Any]]:
    """Give for each field where it is read from: its section, option, environment variables and form."""
    return {name: dict(field.json_schema_extra or {}) for name, field in model.model_fields.items()}  # type: ignore[arg-type]


def _from_environment(model: type[Model], environment: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for field, source in sources(model).items():
        for variable in reversed(source["environment"]):
            if environment.get(variable):
                found[field] = environment[variable]
    return found


def _from_ini(environment: Mapping[str, str]) -> dict[str, str]:
    path = environment.get(CONFIG_FILE_VARIABLE)
    if not path:
        return {}
    parser = ConfigParser(interpolation=None)
    try:
        with Path(path).open(encoding="utf-8") as file:
            parser.read_file(file)
    except OSError as error:
        raise ConfigurationError(f"{CONFIG_FILE_VARIABLE}: cannot read {path}: {error.strerror}") from error
    except (ConfigParserError, UnicodeDecodeError) as error:
        # Without what the parser says, which quotes lines of the file, and passwords with them.
        line = f" (see line {error.lineno})" if isinstance(error, MissingSectionHeaderError) else ""
        raise ConfigurationError(f"{CONFIG_FILE_VARIABLE}: cannot read {path}: it is no INI file{line}") from None
    return _known_options(parser, path)


def _known_options(parser: ConfigParser, path: str) -> dict[str, str]:
    known = {(source["section"], source["option"]): field for field, source in sources(Settings).items()}
    found = {}
    for section in parser.sections():
        for name, value in parser.items(section):
            if (section, name) in known:
                found[known[section, name]] = value
    unknown = [section for section in parser.sections() if section not in {key[0] for key in known}]
    if unknown:
        logger.warning("%s: sections that are not used here: %s", path, ", ".join(unknown))
    return found


def _checked(model: type[Model], values: Mapping[str, str]) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = "; ".join(_faults(model, values, error))
    # Not from pydantic's error, which quotes the values, and passwords with them.
    raise ConfigurationError(faults)


def _faults(model: type[Model], values: Mapping[str, str], error: ValidationError) -> list[str]:
    faults = []
    for fault in error.errors():
        field = str(fault["loc"][0])
        source = sources(model)[field]
        name = f"[{source['section']}] {source['option']}, or " if source["section"] else ""
        shown = "its value" if _may_hold_a_password(field, values[field]) else repr(values[field])
        faults.append(f"{name}{source['environment'][0]}: {shown} is not {source['form']}")
    return faults


def _may_hold_a_password(field: str, value: str) -> bool:
    return "password" in field or field == "database_url" or "@" in value
