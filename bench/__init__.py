"""`make bench`: this service, the original one and the raw limit of the machine, on the same work, in turn.

`rows/` holds what is measured, a module each; `contestants/` what is measured with; `results.json` the last figures, of
which `table` makes the table in `docs/explanation/performance.md` and `plot` the curves beside it.
"""
