"""evsectl, the command line tool. It speaks to the gateway over a local socket, so it needs no broker."""
