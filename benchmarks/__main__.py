"""Run the benchmarks: ``python -m benchmarks [NAME ...] [--quick] [--out DIR]``."""

import argparse
import platform
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from threadpoolctl import threadpool_limits

BENCHMARKS = (
    "recovery",
    "optima",
    "stuck",
    "vertex",
    "minima",
    "replication",
    "refits",
    "coverage",
    "surface_coverage",
    "ensemble",
    "diagnostics",
    "extrapolation",
    "judging",
    "speed",
    "throughput",
    "interruption",
)


def main(arguments=None):
    """Run the named benchmarks, print their tables, write them as CSV and as text."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="a smaller version of each, seconds")
    parser.add_argument("--out", type=Path, help="default: results/ here; none with --quick")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(
            f"unknown benchmark {sorted(unknown)[0]!r}, choose from {', '.join(BENCHMARKS)}"
        )
    if options.out is None and not options.quick:
        options.out = Path(__file__).parent / "results"
    for name in options.names or BENCHMARKS:
        module = import_module(f"benchmarks.{name}")
        with threadpool_limits(1):
            table = module.run(quick=options.quick)
        if hasattr(module, "summary") and "skipped" not in table:
            text = module.summary(table)
        else:
            text = table.to_string(index=False, na_rep="", float_format=lambda x: f"{x:.4g}")
        print(f"\n## {name}\n\n{text}")
        if options.out is None or "skipped" in table:
            continue
        options.out.mkdir(parents=True, exist_ok=True)
        table.to_csv(options.out / f"{name}.csv", index=False)
        (options.out / f"{name}.txt").write_text(f"{_machine()}\n\n{text}\n")
        if hasattr(module, "draw"):
            module.draw(table, options.out / f"{name}.png")


def _machine():
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "scikit-learn"))
    return f"{platform.machine()}, one thread, Python {platform.python_version()}, {packages}"


if __name__ == "__main__":
    main()
