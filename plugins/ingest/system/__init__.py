"""The ground under the rest: files, addresses, Linux calls, safe output, failpoints."""
