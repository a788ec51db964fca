"""The real Pacifica core: UniqueID, ArchiveInterface, Metadata and Policy from PyPI, for tests and for `make core`."""
