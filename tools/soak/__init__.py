"""The soak: a real stack under load, processes killed at random times, and all that was answered compared at the end."""
