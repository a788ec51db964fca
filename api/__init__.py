"""The HTTP API of the service: receives bundles and move documents, and reports the state of jobs."""
