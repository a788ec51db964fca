"""What uploaders send, read as strictly as it can be: the tar, its `metadata.txt`, and move documents."""
