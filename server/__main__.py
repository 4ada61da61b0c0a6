"""`python -m server` is the `ionflux` command."""

import sys

from server.cli import main

# A child process (see `server.offload`) imports this module too.
if __name__ == "__main__":
    sys.exit(main())
