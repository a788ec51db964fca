"""The subcommands of `pacifica-ingest-cmd`, one module each: `add` declares its options, and what it runs."""
