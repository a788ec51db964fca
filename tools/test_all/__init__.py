"""`make test-all`: the whole suite, a second run of what failed, and the coverage."""
