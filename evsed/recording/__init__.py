"""What control remembers of the last minute, as a file, and what can be read from it."""
