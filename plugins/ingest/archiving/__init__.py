"""Send a job's files to the archive, verify them, and remove them when the job is rejected."""
