"""Figures of experiment 3."""

import numpy as np
import pandas as pd

_VARIANTS = {
    ("final", "best", "as coded"): "Final checkpoints, best rate",
    ("final", "all", "as coded"): "Final checkpoints, all rates",
    ("final", "best", "without shift"): "Final checkpoints, best rate, no shift",
    ("all", "best", "as coded"): "All checkpoints, best rate",
    ("all", "best", "without shift"): "All checkpoints, best rate, no shift",
    ("all", "all", "as coded"): "All checkpoints, all rates",
    ("all", "all", "no shift, no smoothing"): "All checkpoints, all rates, no shift, no smoothing",
}
_VERTICES = {"akima": "Akima spline", "parabola": "Parabola", "exact": "Curve of the law"}
_NOISES = {
    "as coded": "Noise of .002 nats, as coded",
    "as meant": "Noise as the code means it",
    "repeated runs": "Noise of repeated runs",
    "residuals": "Noise of the residuals",
}
# What the optimal sizes are drawn of, with the kind of minimum and noise.
_LAWS = {
    "final, best rate, shifted": ("final", "best", "as coded", "akima", "as coded"),
    "all, best rate, shifted": ("all", "best", "as coded", "akima", "as coded"),
    "all, best rate": ("all", "best", "without shift", "akima", "as coded"),
    "advised": ("all", "all", "advised", "exact", "residuals"),
}
_PROFILES = {
    "All checkpoints, best rate, shifted": ("all", "best", "as coded"),
    "All checkpoints, all rates, as advised": ("all", "all", "advised"),
}


def draw_isoflop_pipeline(tables):
    """Draw the exponents, profiles with and without the shift, and N* against compute.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `isoflop_pipeline`.

    Returns
    -------
    dict of str to Figure
    """
    return {
        "exponents": _exponents(tables["isoflop_pipeline"]),
        "profiles": _profiles(tables["isoflop_points"], tables["isoflop_optima"]),
        "sizes_of_pipelines": _sizes(tables["isoflop_lines"], tables["isoflop_optima"]),
    }


def _exponents(table):
    from matplotlib.figure import Figure

    from ...plotting import SpreadDisplay
    from .._published import published

    keys = ["checkpoints", "rates", "variant"]
    known = published("li2025", "isoflop_pipeline").set_index(keys)["a"].to_dict()
    rows = []
    for row in table.itertuples():
        case = (row.checkpoints, row.rates, row.variant)
        coded = case in _VARIANTS
        rows.append(
            {
                "group": "As coded" if coded else f"As advised: {_VERTICES[row.vertex]}",
                "label": _VARIANTS[case] if coded else _NOISES[row.noise],
                "a": row.a,
                "low": row.a_low,
                "high": row.a_high,
                "published": known.get(case, np.nan),
            }
        )
    # The line through the minima as they are is the same for every noise.
    for row in table[table["variant"] == "advised"].drop_duplicates("vertex").itertuples():
        group = f"As advised: {_VERTICES[row.vertex]}"
        line = {"group": group, "label": "Scatter about the line", "a": row.line_a}
        rows.append(line | {"low": row.line_low, "high": row.line_high, "published": np.nan})
    rows = pd.DataFrame(rows)
    order = {group: place for place, group in enumerate(rows["group"].unique())}
    rows = rows.sort_values("group", key=lambda names: names.map(order), kind="stable")
    figure = Figure(figsize=(6.6, 1.1 + 0.2 * len(rows)), layout="constrained")
    display = SpreadDisplay.from_table(
        rows, value="a", by="label", group="group", low="low", high="high", reference="published",
        reference_name="published", interval_name="95 % interval", log=False, write="{:.3f}",
        name="Exponent $a$ of $N^* \\propto C^a$", ax=figure.subplots(),
    )  # fmt: skip
    display.ax_.axvline(0.5, color="0.4", linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    return figure


def _profiles(points, optima):
    from matplotlib.figure import Figure

    from ...plotting import IsoFLOPDisplay

    shown = {name: case for name, case in _PROFILES.items() if _own(points, case).any()}
    figure = Figure(figsize=(0.4 + 3.5 * len(shown), 3.1), layout="constrained")
    axes = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for ax, (name, case) in zip(axes, shown.items(), strict=True):
        own, best = points[_own(points, case)], optima[_own(optima, case)]
        # The spline comes first; a quick run has another kind of minimum alone.
        best = best[(best["vertex"] == best["vertex"].iloc[0]) & best["used"]]
        best = best.drop_duplicates("budget").sort_values("budget")
        own = own[own["budget"].isin(best["budget"])].sort_values(["budget", "N"])
        grids, losses = [], []
        for _, runs in own.groupby("budget"):
            grid = np.geomspace(runs["N"].min(), runs["N"].max(), 80)
            grids.append(grid)
            losses.append(np.interp(np.log(grid), np.log(runs["N"]), runs["loss"]))
        IsoFLOPDisplay(
            N=own["N"].to_numpy(), C=own["budget"].to_numpy(), loss=own["loss"].to_numpy(),
            budgets=best["budget"].to_numpy(), profile_N=np.array(grids),
            profile_loss=np.array(losses), N_opt=best["N_vertex"].to_numpy(),
            loss_opt=best["loss_opt"].to_numpy(), name=name,
        ).plot(ax=ax, legend=ax is axes[0])  # fmt: skip
    for ax in axes[1:]:
        ax.set_ylabel("")
    return figure


def _sizes(lines, optima):
    from matplotlib.figure import Figure

    from ...plotting import AllocationDisplay

    allocations, bands, dots = {}, {}, {}
    for name, case in _LAWS.items():
        own, best = lines[_own(lines, case)], optima[_own(optima, case)]
        if not len(own):
            continue
        C, N, low, high = (own[column].to_numpy() for column in ("C", "N", "low", "high"))
        allocations[name], bands[name] = (N, C / (6.0 * N)), (C, {"N": (low, high)})
        best = best[best["used"]]
        dots[name] = tuple(best[column].to_numpy() for column in ("budget", "N_opt", "D_opt"))
    figure = Figure(figsize=(4.6, 3.5), layout="constrained")
    display = AllocationDisplay(
        C=C, allocations=allocations, bands=bands, optima=dots,
        references={"Chinchilla": (70e9, 1.4e12)},
        C_range=tuple(optima.loc[optima["used"], "budget"].agg(["min", "max"])),
    ).plot(ax=figure.subplots(), legend="inside")  # fmt: skip
    display.ax_.set_ylim(1e7, 1e12)
    return figure


def _own(table, case):
    """Return which rows are of a case."""
    keys = ["checkpoints", "rates", "variant", "vertex", "noise"][: len(case)]
    return (table[keys] == list(case)).all(axis=1)
