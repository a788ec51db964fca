"""The stages of a job, one module each; the DAGs run them in this order.

open_tar -> load_metadata -> validate_policy -> ingest_files (of a move: move_files) -> ingest_metadata
"""
