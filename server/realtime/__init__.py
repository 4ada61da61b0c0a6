"""The two WebSocket endpoints: they carry frames between ASGI and `crdt`, and decide nothing."""
