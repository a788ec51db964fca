"""Access control: identify the caller of a request and check its role, before the body is read."""
