"""Strict readers of what uploaders send: the tar, its `metadata.txt`, and move documents."""
