"""The command `pacifica-ingest-cmd`: `main`, and one module per subcommand, whose `add` declares it."""
