"""Receipts: their content, the keys that sign them, and their verification.

`merkle`, `receipt` and `folder` are links to the files of the uploader's client, which verifies receipts by the same code.
"""
