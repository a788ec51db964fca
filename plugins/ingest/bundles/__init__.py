"""Strict readers of uploads: the tar, its `metadata.txt`, and move documents."""
