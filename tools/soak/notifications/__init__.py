"""The webhook of a soak: a receiver that fails at times and is killed, and the comparison of what it got with the events."""
