"""The simulated board and the world around it: EV, cable, mains, contactor, lock and meter."""
