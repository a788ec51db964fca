"""The bundle: its files, their hashes, its metadata, and the tar that is made while it is read."""
