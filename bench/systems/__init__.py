"""The systems under test: this service, the original service, and the limit: the same work with nothing in between."""
