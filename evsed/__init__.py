"""evsed: the daemon that makes a Raspberry Pi carrier board an IEC 61851-1 AC charging point."""

__version__ = "0.1.0"
