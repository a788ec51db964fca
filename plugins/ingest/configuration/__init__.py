"""What settings there are and how they are read; `ingest.settings` is the door to them."""
