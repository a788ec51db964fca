"""The settings: their fields, and how they are loaded (`ingest.settings.loading`)."""
