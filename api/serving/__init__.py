"""gunicorn under the API: what it is told beyond its settings, so that slow and rude clients keep nobody out."""
