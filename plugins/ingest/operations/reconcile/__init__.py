"""Comparing ledger, archive and catalogue, as Rucio compares its catalogue and its storages: lost, dark and corrupt files.

Called by `pacifica-ingest-cmd reconcile` and by the DAG `reconcile`. Nothing is changed unless an admin has told so.
"""
