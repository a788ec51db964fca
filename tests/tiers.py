"""The markers `stack`, `core` and `slow`, which `make test` leaves out, and `long`, which `.ci/run` leaves out.

`make test-all` runs everything. The markers follow from the place of a test. A parameter that needs the real services has
`pytest.mark.core` where it is written. `smoke` marks the end-to-end test that `make test` runs all the same.
"""

import pytest

CORE_FIXTURE = "core"
# Prefixes of node ids below tests/.
PLACES = {
    # the whole stack: PostgreSQL, Airflow and the API
    "stack": ("browser/", "e2e/", "e2e_core/", "faults/", "own_stacks/"),
    # minutes of a stack that no other test can use meanwhile
    "long": (
        "e2e/test_shares",
        "faults/test_api_server_unavailable",
        "faults/test_hung_processes",
        "faults/test_more_than_one",
        "own_stacks/",
        # not a stack, but minutes of both cores
        "tools/fuzz/test_fuzz",
    ),
    # packages of the real Pacifica services
    "core": ("client/test_original_service", "e2e_core/", "upgrade/", "tools/pacifica_core/"),
    # many seconds, searches, tests of developers' tools, or an environment of their own
    "slow": (
        "accounts/",
        "api/openapi/test_schemathesis",
        "api/polling/test_slow_airflow",
        "api/receiving/resumable/test_killed",
        "api/receiving/resumable/test_sequences",
        "api/receiving/test_idempotency_race",
        "api/receiving/test_slowest_upload",
        "api/routes/test_preflight_verdicts",
        "api/serving/test_slow_",
        "archiving/moves/test_exchanged_folders",
        "archiving/test_batches.py::test_after_a_kill_at_90_percent",
        "archiving/two_processes/",
        "client/test_installation",
        "client/test_original_service",
        "corpus/",
        "kubernetes/",
        "operations/test_preflight.py::test_memory_does_not_grow_with_the_number_of_files",
        "packaging/test_wheel",
        "properties/",
        "test_making_a_bundle",
        "tools/fuzz/",
        "tools/soak/",
        "tools/test_all/",
        "tus_clients/",
        "upgrade/",
        "wsgi_servers/",
    ),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test by its place and its fixtures."""
    for item in items:
        for marker in markers_of(item):
            item.add_marker(marker)


def markers_of(item: pytest.Item) -> list[str]:
    """Return the markers that follow from a test's place and fixtures."""
    within = item.nodeid.removeprefix("tests/")
    markers = [marker for marker, prefixes in PLACES.items() if within.startswith(prefixes)]
    if CORE_FIXTURE in getattr(item, "fixturenames", ()):
        markers.append("core")
    return markers
