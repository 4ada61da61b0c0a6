"""Registers the fixtures that tests of several packages share."""

from hypothesis import settings

pytest_plugins = [
    "tests.services.postgres",
    "tests.services.databases",
    "tests.services.smtp",
    "tests.clients.fixtures",
    "tests.services.ionflux",
    "tests.services.otlp",
    "tests.services.receiver",
    "tests.services.s3",
    "tests.services.site",
    "tests.services.studio",
]

# A slow machine is no fault of the code. The suite tries the same examples each time, so that a change is
# judged by what it changes; `--hypothesis-profile=long` (`make fuzz`) looks much harder,
# and at others each time.
settings.register_profile("default", deadline=None, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=5000)
settings.load_profile("default")
