"""Loads all settings from the INI file and the environment, checks them once and freezes them.

Called by the API, the stages and the command line (`load_settings`), and by the DAG files (`load_dag_settings`), which
read the environment only, because importing a DAG file must not read from disk. The fields are in
`ingest.settings.fields`.
"""

import os
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ingest.errors.types import ConfigurationError
from ingest.settings.fields import BUILT_IN, DagSettings, Settings
from ingest.settings.ini_file import (
    CONFIG_FILE_VARIABLE,
    as_in_the_file,
    find_file,
    read_ini,
    warn_once,
)
from ingest.settings.logs import LogSettings
from ingest.settings.peewee_url import sqlalchemy_url
from ingest.settings.types import EXPLAINED, sources
from ingest.settings.webhooks import read_webhooks

__all__ = [
    "BUILT_IN",
    "CONFIG_FILE_VARIABLE",
    "DagSettings",
    "Settings",
    "given_settings",
    "load_dag_settings",
    "load_log_settings",
    "load_settings",
    "sources",
]

PEEWEE_URL = "PEEWEE_URL"

Model = TypeVar("Model", Settings, DagSettings, LogSettings)


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings from the INI file and the environment, which has precedence.

    The file is the one that `INGEST_CONFIG` names; if the variable is not set, `~/.pacifica-ingest/config.ini` if it exists.
    Raises ConfigurationError with the name of each invalid setting and its form.
    """
    environment = os.environ if environment is None else environment
    in_file, variables = _from_file(environment), _variables(Settings, environment)
    in_environment = {field: _from_variable(name, environment[name]) for field, name in variables.items()}
    _warn_of_contradictions(in_file, in_environment, variables)
    return _checked(Settings, {**in_file, **in_environment})


def given_settings(environment: Mapping[str, str]) -> frozenset[str]:
    """Return the fields that the file or the environment sets; raise ConfigurationError if the file cannot be read."""
    return frozenset({*_from_file(environment), *_variables(Settings, environment)})


def load_dag_settings(environment: Mapping[str, str] | None = None) -> DagSettings:
    """Return the settings of the DAGs from the environment; raise ConfigurationError."""
    return _from_environment(DagSettings, os.environ if environment is None else environment)


def load_log_settings(environment: Mapping[str, str] | None = None) -> LogSettings:
    """Return the settings of logs from the environment; raise ConfigurationError."""
    return _from_environment(LogSettings, os.environ if environment is None else environment)


def _from_environment(model: type[Model], environment: Mapping[str, str]) -> Model:
    variables = _variables(model, environment)
    return _checked(model, {field: environment[name] for field, name in variables.items()})


def _variables(model: type[Model], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variable that sets each field: the first one of the field that is not empty."""
    found = {}
    for field, source in sources(model).items():
        for variable in reversed(source["environment"]):
            if environment.get(variable):
                found[field] = variable
    return found


def _from_file(environment: Mapping[str, str]) -> dict[str, Any]:
    path = find_file(environment)
    if path is None:
        return {}
    known = {(source["section"], source["option"]): field for field, source in sources(Settings).items()}
    ini = read_ini(path, known)
    found: dict[str, Any] = {known[option]: text for option, text in ini.options.items()}
    if "database_url" in found:
        found["database_url"] = sqlalchemy_url(found["database_url"])
    if webhooks := read_webhooks(ini.webhooks, ini.defaults):
        found["webhooks"] = webhooks
    return found


def _from_variable(name: str, text: str) -> str:
    return sqlalchemy_url(as_in_the_file(text)) if name == PEEWEE_URL else text


def _warn_of_contradictions(
    in_file: Mapping[str, Any], in_environment: Mapping[str, str], variables: Mapping[str, str]
) -> None:
    # In the original service the file has precedence, so admins who upgrade must be warned.
    for field in in_file.keys() & in_environment.keys():
        if in_file[field] != in_environment[field]:
            source = sources(Settings)[field]
            option = f"[{source['section']}] {source['option']}"
            warn_once(
                f"{option} of the INI file is not used: {variables[field]} has a different value and takes precedence"
            )


def _checked(model: type[Model], values: Mapping[str, Any]) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        text = "; ".join(_sentence(model, values, each) for each in error.errors())
    # Without pydantic's error, which quotes the values and so may quote passwords.
    raise ConfigurationError(text)


def _sentence(model: type[Model], values: Mapping[str, str], error: ErrorDetails) -> str:
    # The error of a contradiction between two settings has no location.
    field = str(error["loc"][0] if error["loc"] else error["ctx"]["field"])
    source = sources(model)[field]
    name = f"[{source['section']}] {source['option']}, or " if source["section"] else ""
    fault = error["msg"] if error["type"] == EXPLAINED else f"is not {source['form']}"
    shown = f"{_shown(field, values[field])} " if error["loc"] else ""
    return f"{name}{source['environment'][0]}: {shown}{fault}"


def _shown(field: str, value: str) -> str:
    return "its value" if _may_hold_a_password(field, value) else repr(value)


def _may_hold_a_password(field: str, value: str) -> bool:
    return "password" in field or field.endswith("database_url") or "@" in value
