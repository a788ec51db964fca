"""What the stages rely on of each service, asked of the real one and of our built-in one alike."""
