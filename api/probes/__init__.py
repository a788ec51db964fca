"""Check whether the API can receive uploads."""
