"""`python -m ablations` is the command `ablations`."""

import sys

from ablations.commands.cli import main

if __name__ == "__main__":
    sys.exit(main())
