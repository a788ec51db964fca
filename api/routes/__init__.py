"""The calls of the API: one module per resource, their registration and their documentation."""
