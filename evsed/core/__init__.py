"""The charger as a pure function of its inputs: no I/O, no clock, no thread, no randomness."""
