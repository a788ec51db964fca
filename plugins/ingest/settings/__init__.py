"""What settings there are and how they are read; `ingest.settings.loading` is the door to them."""
