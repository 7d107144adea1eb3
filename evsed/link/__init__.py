"""The one way between control and gateway."""
