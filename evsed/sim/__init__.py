"""evsed-sim: the process that runs the simulated world, and the client side with which evsed attaches."""
