"""The facility's deployment on a real Docker Engine: start, roles, kills, an upgrade. Run by `make compose-test`."""
