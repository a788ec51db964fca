"""What each role may do in Airflow and in this service's pages; the tests of every way to log in compare with it."""

from tests.accounts.airflow_server import Browser

# Airflow caches accounts with their roles for 30 seconds; on a busy machine, the test needs longer.
CACHE_SECONDS = 120
VIEWER, OPERATOR, ADMIN, NONE = "viewer", "operator", "admin", "none"

# The request, and the roles that may send it. Unknown objects are named where a permitted request would change something.
ACTIONS: dict[tuple[str, str], frozenset[str]] = {
    ("GET", "/ingest-view/jobs"): frozenset({VIEWER, OPERATOR, ADMIN}),
    ("GET", "/ingest-view/dags/ingest"): frozenset({VIEWER, OPERATOR, ADMIN}),
    # The navigation and the tabs of Airflow's UI.
    ("GET", "/api/v2/plugins"): frozenset({VIEWER, OPERATOR, ADMIN}),
    ("GET", "/api/v2/dags/ingest"): frozenset({VIEWER, OPERATOR, ADMIN}),
    ("GET", "/ingest-view/jobs/confirm?action=retry"): frozenset({OPERATOR, ADMIN}),
    ("POST", "/api/v2/dags/ingest/clearTaskInstances"): frozenset({OPERATOR, ADMIN}),
    ("DELETE", "/api/v2/dags/ingest/dagRuns/unknown"): frozenset({OPERATOR, ADMIN}),
    ("PATCH", "/api/v2/dags/ingest"): frozenset({OPERATOR, ADMIN}),
    ("DELETE", "/api/v2/dags/unknown"): frozenset({ADMIN}),
    ("GET", "/api/v2/connections"): frozenset({ADMIN}),
    ("GET", "/api/v2/eventLogs"): frozenset({ADMIN}),
    ("GET", "/auth/fab/v1/users"): frozenset({ADMIN}),
}
BODIES = {"PATCH": {"is_paused": False}, "POST": {"dry_run": True, "dag_run_id": "unknown"}}


def permitted_actions(browser: Browser) -> set[tuple[str, str]]:
    """Return the requests that are not refused."""
    return {
        (method, path)
        for method, path in ACTIONS
        if browser.request(method, path, json=BODIES.get(method)).status_code not in {401, 403}
    }


def actions_of(role: str) -> set[tuple[str, str]]:
    """Return the requests that a role may send."""
    return {action for action, roles in ACTIONS.items() if role in roles}
