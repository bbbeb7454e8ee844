"""`python -m chargen` is the command `chargen`."""

from chargen.cli import main

if __name__ == "__main__":
    main()
