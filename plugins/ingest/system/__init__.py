"""Functions without knowledge of the domain: durable files, addresses, Linux calls, safe output, failpoints."""
