"""Queries, a file a noun. A repository works in the session it is given and never commits."""
