"""scripts/run: a broker, evsed on the simulated board and an EV that charges, live in a terminal."""
