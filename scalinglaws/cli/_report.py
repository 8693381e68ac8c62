"""Tables, words and JSON of the commands."""

import json
import math

from ..plotting._units import format_count, format_flops, format_number, format_seconds
from ._methods import EXPONENTS, PARAMETERS, collected, decide

_LAW = ("E", "A", "B", "alpha", "beta")
_DECISION = ("a", "b", "N*", "D*", "D/N", "loss")
_QUALITY = ("objective", "certified", "time")


def comparison(fits, target, console, truth=None):
    """Return the comparison as one rich table, or as three where it is wider than the console."""
    from rich.measure import Measurement

    title = (
        f"Compute-optimal run at {format_flops(target)}: N* parameters, D* tokens, loss nats/token"
    )
    rows = [_cells(fit) for fit in fits]
    if truth is not None:
        rows.insert(0, _truth_cells(truth, target))
    whole = _table(rows, (*_LAW, *_DECISION, *_QUALITY), title)
    wide = console.options.update(max_width=1000)
    if Measurement.get(console, wide, whole).maximum <= console.width:
        return [whole]
    parts = ((_LAW, "Laws"), (_DECISION, title), (_QUALITY, "Fits"))
    return [_table(rows, columns, name) for columns, name in parts]


def _new_table(title):
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


def _table(rows, columns, title):
    from rich.text import Text

    table = _new_table(title)
    for name in ("method", *columns):
        left = name in ("method", "certified")
        table.add_column(name, justify="left" if left else "right", no_wrap=True)
    styles = {"no": "bold red", "yes": "green", "not run": "yellow"}
    for row in rows:
        cells = [
            Text(row[name], style=styles.get(row[name], "") if name == "certified" else "")
            for name in ("method", *columns)
        ]
        table.add_row(*cells)
    return table


def _cells(fit):
    """Write one fit as the cells of the comparison."""
    if fit.estimator is None:
        return dict.fromkeys((*_LAW, *_DECISION, *_QUALITY), "-") | {
            "method": fit.name,
            "certified": "not run",
        }
    certified = {True: "yes", False: "no", None: "-"}[fit.certified]
    return {
        "method": fit.name,
        **{name: format_number(fit.parameters.get(name)) for name in (*_LAW, *EXPONENTS)},
        **_decision_cells(fit.N, fit.D, fit.loss),
        "objective": format_number(fit.objective),
        "certified": certified,
        "time": format_seconds(fit.seconds),
    }


def _truth_cells(truth, target):
    """Write a known law as the cells of the comparison."""
    N, D = truth.optimal_allocation(target)
    return {
        "method": "truth",
        **{name: format_number(getattr(truth, name)) for name in (*_LAW, *EXPONENTS)},
        **_decision_cells(float(N), float(D), float(truth.optimal_loss(target))),
        **dict.fromkeys(_QUALITY, "-"),
    }


def _decision_cells(N, D, loss):
    known = N is not None
    return {
        "N*": format_count(N) if known else "-",
        "D*": format_count(D) if known else "-",
        "D/N": format_number(D / N, 3) if known else "-",
        "loss": f"{loss:.4f}",
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
    table = _new_table(fit.name)
    table.add_column("parameter")
    for name in ("estimate", "std err", "95 % interval"):
        table.add_column(name, justify="right")
    for name, row in fit.estimator.summary().iterrows():
        low, high = format_number(row["ci_low"]), format_number(row["ci_high"])
        interval = "-" if "-" in (low, high) else f"{low} to {high}"
        table.add_row(
            str(name), format_number(row["estimate"], 5), format_number(row["std_err"], 3), interval
        )
    return table


def allocations(fit, budgets):
    """Return N*, D* and loss at several budgets as a rich table; `budgets` maps C to a remark."""
    table = _new_table("Compute-optimal runs")
    for name in ("C (FLOPs)", "N* (parameters)", "D* (tokens)", "D/N", "loss (nats/token)"):
        table.add_column(name, justify="right")
    table.add_column("")
    with collected([]):  # the notes of the fit have the warning about the target
        decisions = [decide(fit.estimator, C) for C in budgets]
    for (C, remark), decision in zip(budgets.items(), decisions, strict=True):
        cells = _decision_cells(*decision)
        table.add_row(format_flops(C).removesuffix(" FLOPs"), *cells.values(), remark)
    return table


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


def record(fit, target):
    """Return one fit as plain numbers, the row of fits.csv and the entry of the JSON object."""
    parameters = {name: fit.parameters.get(name) for name in (*PARAMETERS, *EXPONENTS)}
    return {
        "method": fit.method,
        "name": fit.name,
        **parameters,
        "target_compute": target,
        "N_opt": fit.N,
        "D_opt": fit.D,
        "tokens_per_parameter": fit.ratio,
        "predicted_loss": fit.loss,
        "objective": fit.objective,
        "certified": fit.certified,
        "certificate": fit.certificate,
        "seconds": fit.seconds,
        "n_runs": getattr(fit.estimator, "n_runs_", None),
        "error": fit.error,
    }


def to_json(content):
    """Write an object as JSON; what is not finite becomes null."""
    return json.dumps(_plain(content), indent=2, allow_nan=False, ensure_ascii=False)


def _plain(value):
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (str, bool, int)) or value is None:
        return value
    number = float(value)
    return number if math.isfinite(number) else None
