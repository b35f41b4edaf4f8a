"""`python -m iiotctl`: the same as `iiotctl`, for machines where the script is not on the PATH."""

from __future__ import annotations

from iiotctl.cli.app import main

if __name__ == "__main__":
    main()
