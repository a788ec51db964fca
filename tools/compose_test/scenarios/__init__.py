"""The scenarios of a run, in their order: each works on what the ones before have left."""

from collections.abc import Callable

from tools.compose_test.scenarios.access import roles
from tools.compose_test.scenarios.accounts import accounts
from tools.compose_test.scenarios.admin import admin
from tools.compose_test.scenarios.end import end
from tools.compose_test.scenarios.faults import faults
from tools.compose_test.scenarios.power import power
from tools.compose_test.scenarios.proxied import proxied
from tools.compose_test.scenarios.start import start
from tools.compose_test.scenarios.upgrade import upgrade
from tools.compose_test.scenarios.workers import workers
from tools.compose_test.scene import Scene

SCENARIOS: dict[str, Callable[[Scene], None]] = {
    "start": start,
    "roles": roles,
    "admin": admin,
    "upgrade": upgrade,
    "proxied": proxied,
    "accounts": accounts,
    "workers": workers,
    "faults": faults,
    "power": power,
    "end": end,
}
