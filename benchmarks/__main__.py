"""Run the benchmarks: ``python -m benchmarks [NAME ...] [--quick]``."""

import argparse
from pathlib import Path

from threadpoolctl import threadpool_limits

from . import optima, recovery, speed, stuck

BENCHMARKS = {
    "recovery": recovery.run,
    "optima": optima.run,
    "stuck": stuck.run,
    "speed": speed.run,
}


def main(arguments=None):
    """Run the named benchmarks, print their tables and write them as CSV."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="default: all")
    parser.add_argument("--quick", action="store_true", help="a smaller version of each, seconds")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.names or BENCHMARKS:
        with threadpool_limits(1):
            table = BENCHMARKS[name](quick=options.quick)
        print(f"\n## {name}\n\n{table.to_string(index=False)}")
        table.to_csv(options.out / f"{name}.csv", index=False)


if __name__ == "__main__":
    main()
