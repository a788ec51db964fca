"""The hypothesis settings of all property tests: the same examples in each run, and few of them.

`make fuzz` searches longer.
"""

from hypothesis import HealthCheck, settings

NO_CHECKS = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture)

property_of = settings(
    derandomize=True, database=None, deadline=None, max_examples=150, suppress_health_check=NO_CHECKS, print_blob=False
)
# For tests that start a process for each example.
slow_property_of = settings(property_of, max_examples=60)
