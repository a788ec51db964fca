"""What the API needs to answer a request, made once in each process by `api.app` and read by every route."""

from dataclasses import dataclass
from typing import cast

from flask import current_app
from sqlalchemy import Engine

from api.access.authentication import Authentication
from api.polling.batched_reads import BatchedReads
from api.polling.recent_obstacles import RecentObstacles
from api.polling.recent_runs import RecentRuns
from api.probes.readiness import ReadinessCheck
from api.receiving.upload_slots import UploadSlots
from ingest.orchestrator.client import AirflowApi
from ingest.services import Services
from ingest.settings.loading import Settings

EXTENSION = "ingest"


@dataclass(frozen=True)
class Resources:
    """The settings and the clients of a process; each connects when it is first used."""

    settings: Settings
    engine: Engine
    services: Services
    airflow: AirflowApi
    runs: RecentRuns
    obstacles: RecentObstacles
    reads: BatchedReads
    readiness: ReadinessCheck
    authentication: Authentication
    upload_slots: UploadSlots


def get_resources() -> Resources:
    """Give the resources of the application that answers the current request."""
    return cast(Resources, current_app.extensions[EXTENSION])
