"""Agents as collaborators. Empty until agent runs arrive."""
