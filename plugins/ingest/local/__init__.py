"""The stack on one machine: what `make run` starts, watches and stops (`python -m ingest.local`)."""
