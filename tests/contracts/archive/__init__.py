"""What the stages rely on of the archive, asked of a third form too: one that does not run as root."""
