"""Notify webhooks of jobs: `notifier` runs in the API's processes, `delivery` sends one notification.

The notifications are written by the transactions of the events (`ingest.ledger.outbox`). Decision 25 says why.
"""
