"""Playbooks: what they say, whether it can be done, and what comes next."""
