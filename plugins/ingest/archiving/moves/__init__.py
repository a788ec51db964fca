"""Moves: files on the facility's storage are checked, moved into the archive, and restored if the job is rejected."""
