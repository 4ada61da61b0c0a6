"""IONFLUX beside its peers: one load generator, one table. `make bench` runs it, `--help` tells the rest.

Owns the load, the measuring and the report. It starts servers and asks nothing of their insides: what it
knows comes over their sockets and from the kernel. Load goes to 127.0.0.1 only and ends by itself.
"""
