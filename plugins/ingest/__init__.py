"""The domain of Pacifica Ingest: jobs, their stages, and the ledger that records both."""
