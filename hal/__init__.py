"""Hardware abstraction of a charging point: what the board can do, without any charging logic."""
