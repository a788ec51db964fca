"""Verifies receipts offline; nothing here connects to the service.

The service uses the same files for `pacifica-ingest-cmd receipt`: they are linked into `plugins/ingest/receipts`, so they
import each other relatively, and otherwise only the standard library and PyJWT.
"""
