"""Mails that leave this server: the port, and what stands behind it."""
