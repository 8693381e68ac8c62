"""Rows of a display: one per label, nested by level, under headings of groups."""

from numbers import Real
from typing import NamedTuple

import numpy as np

from ._figure import COLORS, MARKERS, pale, tidy

# Space around a label with levels, and of the line for a heading, in rows.
_SPACE, _HEADING = 0.7, 1.0


class Row(NamedTuple):
    """Key (group, label, level), place on the vertical axis, and the values of a row."""

    key: tuple
    at: float
    own: np.ndarray


class Rows(NamedTuple):
    """Rows with the places of their labels, headings, lines between groups, and shaded bands."""

    rows: list
    labels: list
    headings: list
    lines: list
    bands: list
    height: float


def arrange(label, hue=None, group=None, *, top=0.0):
    """Place the rows of a display below each other, in the order of the values.

    Parameters
    ----------
    label : ndarray of shape (n_values,)
    hue, group : ndarray of shape (n_values,), optional
    top : float, default=0.0
        Space above the first row, in rows.

    Returns
    -------
    Rows
        Places grow downwards from 0 to the height. Every second label with levels has a band.

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws.plotting._rows import arrange
    >>> found = arrange(np.array(["VPNLS", "Approach 2", "VPNLS"]))
    >>> [(row.key[1], row.at, row.own.tolist()) for row in found.rows]
    [('VPNLS', 0.5, [0, 2]), ('Approach 2', 1.5, [1])]
    """
    found = Rows([], [], [], [], [], 0.0)
    space = 0.0 if hue is None else _SPACE
    for count, (name, members) in enumerate(_split(group, np.arange(len(label)))):
        if count:
            found.lines.append(top)
        if name is not None:
            found.headings.append((top + _HEADING / 2, name))
            top += _HEADING
        for order, (own_label, values) in enumerate(_split(label, members)):
            start = top
            top += space / 2
            for level, own in _split(hue, values):
                found.rows.append(Row((name, own_label, level), top + 0.5, own))
                top += 1.0
            top += space / 2
            found.labels.append(((start + top) / 2, own_label))
            if hue is not None and order % 2 == 0:
                found.bands.append((start, top))
    return found._replace(height=top)


def _split(names, members):
    """Return every name that occurs among members, with those it has, in order."""
    if names is None:
        return [(None, members)]
    own = names[members]
    return [(name, members[own == name]) for name in dict.fromkeys(own.tolist())]


def draw_frame(ax, placed):
    """Name the rows on the vertical axis, with what stands behind and between them."""
    tidy(ax)
    ax.grid(False, axis="y")
    for low, high in placed.bands:
        ax.axhspan(low, high, color="0.965", linewidth=0, zorder=0)
    for at in placed.lines:
        ax.axhline(at, color="0.5", linewidth=0.7, linestyle=(0, (4, 3)), zorder=1)
    ticks = placed.labels + placed.headings
    ax.set_yticks([at for at, _ in ticks], [text for _, text in ticks])
    for label in ax.get_yticklabels()[len(placed.labels) :]:
        label.set(style="italic", color="0.35")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_ylim(placed.height, 0.0)


def level_looks(hue=None):
    """Return colour and marker of every level: shades for numbers, the largest the darkest.

    Without levels there is one look, under the name None.
    """
    if hue is None:
        return {None: (COLORS[0], "o")}
    levels = list(dict.fromkeys(hue.tolist()))
    if all(isinstance(level, Real) for level in levels):
        paler = {level: order for order, level in enumerate(sorted(levels, reverse=True))}
        return {k: (pale(COLORS[0], 0.65 * paler[k] / len(levels)), "o") for k in levels}
    return {
        level: (COLORS[order % len(COLORS)], MARKERS[order % len(MARKERS)])
        for order, level in enumerate(levels)
    }
