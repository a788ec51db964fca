"""The API of the service: receive bundles and move documents, report the state of jobs."""
