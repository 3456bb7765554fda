"""`python -m chainrule`, and the `chainrule` command."""

import sys


def run() -> None:
    """Ends the process with the command's exit status."""
    from chainrule.cli import main

    sys.exit(main())


if __name__ == "__main__":
    run()
