"""What the requests of this process share; created with the first request, because importing does nothing."""

from functools import cache

from airflow.configuration import conf
from sqlalchemy import Engine

from ingest.ledger.database import make_engine
from ingest.orchestrator.client import AirflowApi
from ingest.pages.overview import OverviewReader
from ingest.settings.loading import Settings, load_settings

# Connections to the ledger: pages must not take those that stages need.
POOL_SIZE = 3
# A page whose query takes longer is an error: nobody waits for it, and it would occupy a thread of the api-server.
STATEMENT_SECONDS = 10


@cache
def get_settings() -> Settings:
    """Return the settings; raises ConfigurationError."""
    return load_settings()


@cache
def get_engine() -> Engine:
    """Return the connections to the ledger."""
    return make_engine(get_settings(), POOL_SIZE, STATEMENT_SECONDS)


@cache
def get_airflow() -> AirflowApi:
    """Return the client with which jobs are retried and canceled, as by the API."""
    return AirflowApi(get_settings())


@cache
def get_overview() -> OverviewReader:
    """Return the reader of the overview."""
    return OverviewReader(get_settings(), get_engine(), get_airflow())


@cache
def csrf_secret() -> str:
    """Return the secret that signs the tokens of forms: Airflow's own key."""
    return str(conf.get_mandatory_value("api", "secret_key"))
