"""The stages of a job, and the state that clients see: derived from facts, without any I/O."""
