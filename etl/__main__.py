"""Run the command line with `python -m etl`."""

from etl.cli.main import run

if __name__ == "__main__":
    run()
