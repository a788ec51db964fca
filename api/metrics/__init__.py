"""The metrics of `GET /metrics`; docs/reference/metrics.md describes each."""
