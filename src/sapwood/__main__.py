"""``python -m sapwood``: the command line, where the script ``sapwood`` is not on the path."""

from sapwood.cli.main import main

if __name__ == "__main__":
    main()
