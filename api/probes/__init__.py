"""Check in the background whether the API can take uploads."""
