"""The Windows setup: a plain Python tree in an NSIS program."""
