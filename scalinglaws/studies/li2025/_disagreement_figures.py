"""Figures of experiment 2."""

import numpy as np

from ...surfaces import published_laws

# Trained models that the original marks: N and D.
_MODELS = {"GPT-2": (1.5e9, 1e11), "Chinchilla": (70e9, 1.4e12), "Llama 3": (405e9, 15.6e12)}
_LINES = {
    "hoffmann2022_unrounded": "Hoffmann et al.",
    "kaplan2020_frontier": "Kaplan et al.",
    "besiroglu2024": "Besiroglu et al.",
}
_GROUPS = {
    "form": "Form",
    "opt": "Optimiser",
    "init": "Initialisation",
    "loss": "Loss",
    "counting": "Counting",
    "filter": "Checkpoints",
    "lr": "Learning rate",
    "dn_ratio": "Size and D/N",
}
_DATASETS = {
    "final": "Final checkpoints",
    "checkpoints": "All checkpoints",
    "epoch_ai": "Chinchilla, digitised",
}


def draw_disagreement(tables):
    """Draw N* against compute as published and with intervals, and N* of every label.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `disagreement`.

    Returns
    -------
    dict of str to Figure
    """
    lines, table = tables["disagreement_lines"], tables["disagreement"]
    return {
        "as_published": _panels(lines, "published"),
        "with_intervals": _panels(lines, "certified"),
        "optimal_sizes": _sizes(table),
        "released_figure": _released(tables["released_figure"]),
    }


def _panels(lines, column):
    """Draw a panel per group: the final checkpoints, and all for the group that needs them."""
    from matplotlib.figure import Figure

    shown = [group for group in _GROUPS if (lines["group"] == group).any()]
    n_rows = -(-len(shown) // 2)
    figure = Figure(figsize=(7.4, 0.5 + 1.8 * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, 2, squeeze=False, sharex=True, sharey=True)
    for ax, group in zip(axes.flat, shown, strict=False):
        dataset = "checkpoints" if group == "filter" else "final"
        own = lines[(lines["group"] == group) & (lines["dataset"] == dataset)]
        known = _panel(ax, own, column)
        ax.set_title(_GROUPS[group], loc="left", fontweight="bold", fontsize="medium")
    for ax in axes[:-1].flat:
        ax.set_xlabel("")
    figure.legend(handles=known, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _panel(ax, lines, column):
    """Draw the labels of a group, those of one line once; return the published lines."""
    from ...plotting import AllocationDisplay

    C = np.sort(lines["C"].unique())
    drawn = {}
    for name, own in lines.groupby("label", sort=False):
        own = own.sort_values("C")
        size = own[column].to_numpy()
        if np.isfinite(size).all():
            drawn.setdefault(tuple(np.log(size).round(6)), []).append((name, own))
    allocations, bands = {}, {}
    for same in drawn.values():
        name, own = same[0]
        text = name if len(same) == 1 else f"{name} (+ {len(same) - 1} the same)"
        size = own[column].to_numpy()
        allocations[text] = (size, C / (6.0 * size))
        if column == "certified":
            bands[text] = (C, {"N": (own["low"].to_numpy(), own["high"].to_numpy())})
    laws = {law.name: law for law in published_laws()}
    known = {text: laws[name].as_law().optimal_allocation(C) for name, text in _LINES.items()}
    display = AllocationDisplay(
        C=C, allocations=allocations, bands=bands, published=known, references=_MODELS
    ).plot(ax=ax, legend=None)
    ax.legend(
        handles=list(display.lines_.values()), frameon=False, fontsize=6, loc="upper left",
        bbox_to_anchor=(1.0, 1.02), borderaxespad=0.2, handlelength=2.4, labelspacing=0.35,
    )  # fmt: skip
    ax.set_ylim(1e7, 1e14)
    ax.set_ylabel("$N^*$")
    return list(display.published_.values())


def _sizes(table):
    """Draw the certified N* of every distinct fit with its interval, and the published one."""
    from matplotlib.figure import Figure

    from ...plotting import SpreadDisplay

    table = table[~table["group"].isin(["opt", "init"])]
    table = table[table["criterion"] != "the same fit"]
    table = table[(table["criterion"] != "base") | (table["group"] == "form")]
    table = table[table["label"] != "N, C w/o embed"]
    table = table.sort_values("group", key=lambda names: names.map(list(_GROUPS).index),
                              kind="stable")  # fmt: skip
    table = table.assign(group=table["group"].map(_GROUPS), runs=table["dataset"].map(_DATASETS))
    n = len(table)
    figure = Figure(figsize=(6.4, 1.2 + 0.17 * n), layout="constrained")
    SpreadDisplay.from_table(
        table, value="N_opt", by="label", hue="runs", group="group", low="low", high="high",
        reference="N_published", reference_name="published recipe",
        interval_name="95 % interval", name="Optimal N at 5.88e23 FLOPs", write="{:.2g}",
        ax=figure.subplots(),
    )  # fmt: skip
    return figure


def _released(table):
    """Draw both fits of the released figure and of the released code."""
    from matplotlib.figure import Figure

    from ...plotting import SpreadDisplay

    table = table.assign(label=table["label"].str.replace("Hoffmann w/ alpha=beta", "alpha = beta"))
    names = {"Use all LRs": "all rates (the figure)", "best LR": "best rate (the code)"}
    table = table.assign(rates=table["rates"].map(names))
    figure = Figure(figsize=(5.6, 1.7), layout="constrained")
    SpreadDisplay.from_table(
        table, value="N_opt", by="rates", group="label", low="low", high="high",
        interval_name="95 % interval", name="Optimal N at 5.88e23 FLOPs", write="{:.2g}",
        ax=figure.subplots(),
    )  # fmt: skip
    return figure
