"""Debian's Redis, for tests of Celery. Continuous integration fails without it, other machines skip the tests."""

import os
import shutil

import pytest

from ingest.local.executor import REDIS_PROGRAM

REQUIRED = "INGEST_REQUIRE_REDIS"
needs_redis = pytest.mark.skipif(
    not shutil.which(REDIS_PROGRAM) and REQUIRED not in os.environ, reason=f"{REDIS_PROGRAM} is not installed"
)
