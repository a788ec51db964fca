"""The contract of the archive, also tested with an ArchiveInterface that does not run as root."""
