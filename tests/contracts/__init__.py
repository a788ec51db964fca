"""The contract of each service that the stages rely on, tested with the real and the built-in implementation."""
