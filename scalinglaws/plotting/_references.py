"""Trained models to compare a law with."""

import numpy as np

from ._figure import INK, halo

# Hoffmann et al. 2022 (arXiv 2203.15556), table 1; Dubey et al. 2024 (arXiv 2407.21783), section 3.
KNOWN_MODELS = {
    "GPT-3": (175e9, 300e9),
    "Gopher": (280e9, 300e9),
    "Chinchilla": (70e9, 1.4e12),
    "Llama 3": (405e9, 15.6e12),
}


def mark_references(ax, references, pick):
    """Mark models by name, to the left of the point unless a neighbour is there.

    Parameters
    ----------
    ax : matplotlib Axes
        Of a quantity against compute.
    references : dict of str to (float, float)
        N and D by name.
    pick : callable
        The quantity, of N and D.
    """
    before = None
    models = ((6.0 * N * D, pick(N, D), name) for name, (N, D) in references.items())
    for C, value, name in sorted(models):
        crowded = before and C < 3 * before[0] and abs(np.log(value / before[1])) < 1
        before = (C, value)
        ax.plot(C, value, "D", markersize=3.5, color=INK, markerfacecolor="white", zorder=4)
        ax.annotate(
            name,
            (C, value),
            xytext=(4, -3) if crowded else (-5, 0),
            textcoords="offset points",
            ha="left" if crowded else "right",
            va="top" if crowded else "center",
            fontsize="small",
            color=INK,
            zorder=5,
            path_effects=halo(),
        )
