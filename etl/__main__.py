"""Run the command line with `python -m etl`."""

from etl.cli.main import main

if __name__ == "__main__":
    main()
