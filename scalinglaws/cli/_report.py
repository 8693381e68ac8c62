"""Tables and words of the commands."""

import math
from functools import partial

from ..plotting._units import format_count, format_flops, format_number, format_seconds
from ._methods import EXPONENTS, PARAMETERS

_LAW = ("E", "A", "B", "alpha", "beta")
_DECISION = ("a", "b", "N*", "D*", "D/N", "loss")
_QUALITY = ("objective", "certified", "time")
# Columns of the comparison that have an interval.
_WITH_INTERVAL = ("a", "N*", "loss")
_INTERVAL, _HEADING = " interval", "95 %"
_DASH = "\u2013"
_HEADINGS = {"N": "N*", "D": "D*"}
_COVARIANCES = {
    "robust": "robust covariance, for independent runs of any noise",
    "clustered": "covariance clustered by run, whose checkpoints are not independent",
}
_FORMATS = {
    "N": format_count,
    "D": format_count,
    "D/N": format_count,
    "loss": lambda value: f"{value:.4f}",
}


def comparison(fits, target, console, truth=None):
    """Return the comparison as one rich table, or as three where it is wider than the console."""
    title = (
        f"Compute-optimal run at {format_flops(target)}: N* parameters, D* tokens, loss nats/token"
    )
    rows = [_cells(fit, target) for fit in fits]
    if truth is not None:
        rows.insert(0, _truth_cells(truth, target))
    whole = _table(rows, (*_LAW, *_DECISION, *_QUALITY), title)
    if _fits(whole, console):
        return [whole]
    # b stands with the laws, so that the decisions fit 80 columns.
    laws, decisions = (*_LAW, "b"), tuple(name for name in _DECISION if name != "b")
    parts = ((laws, "Laws"), (decisions, title), (_QUALITY, "Fits"))
    return [_narrowed(partial(_table, rows, *part), console) for part in parts]


def _fits(table, console):
    from rich.measure import Measurement

    wide = console.options.update(max_width=1000)
    return Measurement.get(console, wide, table).maximum <= console.width


def _narrowed(build, console):
    """Build a table with intervals below estimates, on one line or, where that is wide, on two."""
    table = build(dash=_DASH)
    if not _fits(table, console):
        table = build(dash=f"{_DASH}\n")
    # As wide as the title, which would wrap.
    table.min_width = min(len(table.title), console.width)
    return table


def new_table(title):
    from rich import box
    from rich.table import Table

    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )


def _table(rows, columns, title, dash=None):
    """Return a table of the comparison; intervals stand beside estimates, or below with `dash`."""
    from rich.text import Text

    if dash is None:
        columns = [part for name in columns for part in _beside(name)]
    table = new_table(title)
    for name in ("method", *columns):
        left = name in ("method", "certified")
        heading = _HEADING if name.endswith(_INTERVAL) else name
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    styles = {"no": "bold red", "yes": "green", "not run": "yellow"}
    for row in rows:
        cells = []
        for name in ("method", *columns):
            style = styles.get(row[name], "") if name == "certified" else ""
            below = row.get(name + _INTERVAL) if dash else None
            text = f"{row[name]}\n{below.replace(_DASH, dash)}" if below else row[name]
            cells.append(Text(text, style=style))
        table.add_row(*cells)
    return table


def _beside(name):
    return (name, name + _INTERVAL) if name in _WITH_INTERVAL else (name,)


def _cells(fit, target):
    """Write one fit as the cells of the comparison."""
    if fit.estimator is None:
        return _without_intervals(
            dict.fromkeys((*_LAW, *_DECISION, *_QUALITY), "-")
            | {"method": fit.name, "certified": "not run"}
        )
    certified = {True: "yes", False: "no", None: "-"}[fit.certified]
    decision = fit.intervals.allocation[target]
    ends = {
        "a": _ends(fit.intervals.parameters, "a", lambda value: format_number(value, 3)),
        "N*": _ends(decision, "N"),
        "loss": _ends(decision, "loss"),
    }
    return {
        "method": fit.name,
        **{name: format_number(fit.parameters.get(name)) for name in (*_LAW, *EXPONENTS)},
        **_decision_cells(fit.N, fit.D, fit.loss),
        **{name + _INTERVAL: text for name, text in ends.items()},
        "objective": format_number(fit.objective),
        "certified": certified,
        "time": format_seconds(fit.seconds),
    }


def _without_intervals(cells):
    return cells | {name + _INTERVAL: "" for name in _WITH_INTERVAL}


def _ends(table, row, write=None):
    """Write an interval: both ends, a dash if they are not known, nothing without an estimate."""
    if row not in table.index:
        return ""
    low, high = table.loc[row, ["ci_low", "ci_high"]]
    write = write or _FORMATS[row]
    known = math.isfinite(low) and math.isfinite(high)
    return f"{write(low)}{_DASH}{write(high)}" if known else "-"


def _truth_cells(truth, target):
    """Write a known law as the cells of the comparison."""
    N, D = truth.optimal_allocation(target)
    cells = {
        "method": "truth",
        **{name: format_number(getattr(truth, name)) for name in (*_LAW, *EXPONENTS)},
        **_decision_cells(float(N), float(D), float(truth.optimal_loss(target))),
        **dict.fromkeys(_QUALITY, "-"),
    }
    return _without_intervals(cells)


def _decision_cells(N, D, loss):
    values = {"N": N, "D": D, "D/N": None if N is None else D / N, "loss": loss}
    return {
        _HEADINGS.get(name, name): "-" if value is None else _FORMATS[name](value)
        for name, value in values.items()
    }


def further_parameters(fits):
    """Return one line per fit whose law has parameters that are no column of the comparison."""
    lines = []
    for fit in fits:
        further = [name for name in PARAMETERS if name in fit.parameters and name not in _LAW]
        if further:
            values = ", ".join(
                f"{name} = {format_number(fit.parameters[name])}" for name in further
            )
            lines.append(f"{fit.name}: {values}")
    return lines


def estimates(fit):
    """Return the summary of one fit as a rich table: estimate, standard error, 95 % interval."""
    table = new_table(fit.name)
    table.add_column("parameter")
    for name in ("estimate", "std err", "95 % interval"):
        table.add_column(name, justify="right")
    for name, row in fit.intervals.parameters.iterrows():
        low, high = format_number(row["ci_low"]), format_number(row["ci_high"])
        interval = "-" if "-" in (low, high) else f"{low} to {high}"
        table.add_row(
            str(name), format_number(row["estimate"], 5), format_number(row["std_err"], 3), interval
        )
    return table


def allocations(fit, budgets, console):
    """Return N*, D* and loss at several budgets, each with its 95 % interval, as a rich table.

    `budgets` maps C to a remark.
    """
    return _narrowed(partial(_allocations, fit, budgets), console)


def _allocations(fit, budgets, dash):
    if fit.N is None:
        title, names = "Loss in nats/token", ["loss"]
    else:
        title = "Compute-optimal runs: N* parameters, D* tokens, loss nats/token"
        names = list(_FORMATS)
    table = new_table(title)
    table.add_column("C (FLOPs)", no_wrap=True)
    for name in names:
        table.add_column(_HEADINGS.get(name, name), justify="right", no_wrap=True)
    for C, remark in budgets.items():
        decision = fit.intervals.allocation[C]
        cells = [
            f"{_FORMATS[name](decision.loc[name, 'estimate'])}\n"
            f"{_ends(decision, name).replace(_DASH, dash)}"
            for name in names
        ]
        table.add_row(f"{format_flops(C).removesuffix(' FLOPs')}\n{remark}", *cells)
    return table


def interval_lines(fit):
    """Say where the intervals of one fit come from, and how large its noise is."""
    intervals, lines = fit.intervals, []
    if intervals.covariance is None:
        return lines  # its notes say it
    assumed = _COVARIANCES[intervals.covariance]
    if intervals.bootstrap:
        lines.append(f"Intervals: bootstrap, {intervals.bootstrap}.")
    elif intervals.method == "profile":
        lines.append(
            f"Intervals: profiles of the parameters, the rest and standard errors Wald; {assumed}."
        )
    else:
        lines.append(f"Intervals: Wald with Student quantiles; {assumed}.")
    if intervals.dependence:
        lines.append(f"Checkpoints: {intervals.dependence}.")
    return [*lines, noise_line(fit.estimator.noise_)]


def noise_line(noise):
    """Say how large the noise of a run is and what it grows with."""
    size = _percent(noise.sd) if noise.on == "log" else f"{noise.sd:.3g} nats"
    what = f"Noise of the {'log loss' if noise.on == 'log' else 'loss'}: {size}"
    if noise.variable == "constant":
        return f"{what}, taken as constant."
    if noise.exponent == 0:
        return f"{what}, with no trend in {noise.variable}."
    at = format_flops(noise.reference) if noise.variable == "compute" else f"{noise.reference:.3g}"
    symbol = "C" if noise.variable == "compute" else "loss"
    how = "growing" if noise.exponent > 0 else "falling"
    return f"{what} at {at}, {how} as {symbol}**{noise.exponent:.2g}."


def regret_line(fit, target):
    """Say what a wrong allocation inside the interval costs, in loss and in compute."""
    intervals = fit.intervals
    if intervals.regret is None:
        return ""
    at, cost = f"Regret at {format_flops(target)}", intervals.regret
    if intervals.bootstrap:
        mean, most = (
            f"{_nats(cost.loc['loss', column])}, or {_percent(cost.loc['compute', column])} of the "
            "compute"
            for column in ("mean", "ci_high")
        )
        return (
            f"{at}: if one of the resampled laws is the truth, training this N* costs {mean}, on "
            f"average; with 95 % probability at most {most}."
        )
    loss, compute = (float(cost[name].max(skipna=False)) for name in ("loss", "compute"))
    if not (math.isfinite(loss) and math.isfinite(compute)):
        return f"{at}: not known, for the interval of N* is not."
    return (
        f"{at}: training a size at either end of the interval of N* costs up to {_nats(loss)}, or "
        f"{_percent(compute)} of the compute."
    )


def _nats(value):
    return f"{value:.2g} nats of loss"


def _percent(share):
    # In two digits, but 100 and not 1e+02.
    return f"{float(f'{100 * share:.2g}'):g} %"


def certificate_lines(fit):
    """Say in words whether the fit is the minimum, and how that is known."""
    if fit.certified is None:
        return [
            "No certificate: this method has no single objective whose minimum could be checked."
        ]
    proof = fit.estimator.certificate_
    return [
        f"{fit.certificate[0].upper()}{fit.certificate[1:]}.",
        f"Objective {fit.objective:.12g}. Its gradient is {proof.gradient_norm:.1e} of what it "
        f"could be, another step would gain {proof.expected_decrease:.1e} of the objective, "
        f"and the smallest curvature is {proof.curvature:.1e}"
        f"{' (positive: a minimum)' if proof.curvature > 0 else ''}.",
        f"Time {format_seconds(fit.seconds)}.",
    ]


def spread(fits):
    """Say how far apart the decisions of the methods are, leaving out refused certificates."""
    known = [fit for fit in fits if fit.N is not None and fit.certified is not False]
    if len(known) < 2:
        return ""
    low, high = min(known, key=lambda fit: fit.N), max(known, key=lambda fit: fit.N)
    return (
        f"N* at the target: {format_count(low.N)} ({low.name}) to {format_count(high.N)} "
        f"({high.name}), a factor of {format_number(high.N / low.N, 3)} between methods."
    )


def shortened(note, length=400):
    """Cut a long note at the end of an item; --json has all of it."""
    if len(note) <= length:
        return note
    cut = note.rfind("; ", 0, length)
    return f"{note[: cut if cut > 0 else length]} ... [in full with --json]"
