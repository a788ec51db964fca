"""The systems under test: this service, the original service, and the limit: the same work without a service."""
