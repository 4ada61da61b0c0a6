"""What documents contain: pure functions over a Yjs document, without a loop, a socket or a database."""
