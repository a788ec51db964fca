"""Compares ledger, archive and catalog, as Rucio compares its catalog and its storages: lost, dark and corrupt files.

Called by `pacifica-ingest-cmd reconcile` and by the DAG `reconcile`. Changes nothing unless an admin requests it.
"""
