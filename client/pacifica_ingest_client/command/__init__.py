"""The command `pacifica-ingest-upload`: its options, what it shows, and its exit status."""
