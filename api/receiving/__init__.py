"""Receive the body of a request and create its job."""
