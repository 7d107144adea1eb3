"""One driver a file: one device on one bus, no policy. Each foreign library has its only door here."""
