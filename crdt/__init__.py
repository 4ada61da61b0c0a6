"""Live documents: the sync protocols, rooms and presence.

Knows no HTTP, no SQL and no block; what it needs of the world it asks for in `crdt.ports`.
"""
