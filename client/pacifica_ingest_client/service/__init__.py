"""The calls of the service over HTTP: preflight, resumable and plain uploads, move documents, the state of a job."""
