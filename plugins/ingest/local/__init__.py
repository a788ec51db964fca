"""The stack on one machine: `make run` (`python -m ingest.local`) starts, watches and stops its programs."""
