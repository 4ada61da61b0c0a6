"""Registers the fixtures that tests of several packages share."""

pytest_plugins = ["tests.services.postgres", "tests.services.databases", "tests.clients.fixtures"]
