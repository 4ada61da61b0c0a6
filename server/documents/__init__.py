"""Live documents for requests: read as they are committed, written as a peer does (decision 0033)."""
