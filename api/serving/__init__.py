"""gunicorn under the API: the parts that keep slow and misbehaving clients from blocking the others."""
