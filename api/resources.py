"""The objects that requests share, made once in each process by `api.app`.

The settings and the clients of the domain are attributes. Objects of other packages of the API are registered and found by
their class, so that this module imports none of these packages.
"""

from dataclasses import dataclass, field
from typing import TypeVar, cast

from flask import Flask, current_app
from sqlalchemy import Engine

from ingest.orchestrator.client import AirflowApi
from ingest.services import Services
from ingest.settings.loading import Settings

EXTENSION = "ingest"

Resource = TypeVar("Resource")


@dataclass(frozen=True)
class Resources:
    """The settings, the clients and the registered objects of a process. Clients connect when they are first used."""

    settings: Settings
    engine: Engine
    services: Services
    airflow: AirflowApi
    _registered: dict[type, object] = field(default_factory=dict)

    def register(self, *resources: object) -> None:
        """Make objects available by their class; a second object of a class replaces the first."""
        self._registered.update({type(resource): resource for resource in resources})

    def get(self, kind: type[Resource]) -> Resource:
        """Return the registered object of a class."""
        return cast(Resource, self._registered[kind])


def get_resources() -> Resources:
    """Return the resources of the application that handles the current request."""
    return resources_of(current_app)


def resources_of(app: Flask) -> Resources:
    """Return the resources of an application."""
    return cast(Resources, app.extensions[EXTENSION])
