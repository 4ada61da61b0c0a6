"""Exports: one workspace in one file, for people to read and for `ionflux import`."""
