"""`python -m server` is the `ionflux` command."""

import sys

from server.cli import main

sys.exit(main())
