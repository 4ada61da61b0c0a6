"""Composition and edges: settings, HTTP, WebSockets and the `ionflux` command."""

__version__ = "0.1.0"
