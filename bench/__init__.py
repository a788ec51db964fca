"""`make bench`: measure this service, the original service and the limit of the machine with the same work.

`rows/` holds the measurements, a module each. `systems/` holds the systems under test. `results.json` holds the latest
figures. `table` writes them as the table in `docs/explanation/performance.md`, and `plot` draws the curves beside it.
"""
