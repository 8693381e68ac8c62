"""Laws fitted with and without the smallest stages, and how each predicts the next stage."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..solvers import HeldOut, covariance, held_out_density, refit, robust_spread

# A fold trains on at least as many stages where there are enough: two tell no bend from a slope.
_FEWEST_TRAINED = 3
FEWEST_STAGES = 3
_FEWEST_LEFT = 2


class Member(NamedTuple):
    """A law fitted to all stages from `dropped` on, and its densities of the stages it predicted.

    `held_out` maps a stage to the `HeldOut` of the fit to the stages before it, or to None where
    that fit failed. `covariance` and `dof` are those of `theta`; `certified` whether the fit is.
    """

    dropped: int
    theta: np.ndarray
    covariance: np.ndarray
    dof: float
    certified: bool
    held_out: dict


def first_held_out(n_stages):
    """Return the first stage that is predicted from those before it."""
    return min(_FEWEST_TRAINED, n_stages - 1)


def members_of(fit, stage, n_drop, share=1.0):
    """Refit a law to every part of the table that the stages make.

    The noise model and the Huber transition are those of the whole fit. Where it has clusters,
    covariances are clustered if there are two clusters per parameter: of fewer they would be far
    too small.

    Parameters
    ----------
    fit : surface fit
        Fitted to all runs.
    stage : ndarray of int of shape (n_runs,)
    n_drop : int
        Most of the smallest stages to leave out.
    share : float
        What a row is worth as an independent run; the same for all laws, or their densities could
        not be compared.

    Returns
    -------
    list of Member
        One per number of stages left out.
    """
    problem, clusters, n_stages = fit._problem_, fit._clusters_, int(stage.max()) + 1
    parts, first = [], first_held_out(n_stages)
    for dropped in range(n_drop + 1):
        begin = max(dropped + _FEWEST_LEFT, first)
        parts += [(dropped, last) for last in range(begin, n_stages + 1)]
    inside = np.array([(stage >= low) & (stage < high) for low, high in parts])
    trained = replace(problem, weight=inside * problem.weight_of(0))
    refits = refit(trained, fit._theta_[None])
    sd = robust_spread(problem, fit._theta_)
    found = {}
    for k, part in enumerate(parts):
        kind = "robust"
        if clusters is not None and len(np.unique(clusters[inside[k]])) >= 2 * len(fit._theta_):
            kind = "clustered"
        own = covariance(trained, refits.theta[k], k, kind, clusters)
        certified = bool(refits.certified[k]) and bool(np.isfinite(own.matrix).any())
        found[part] = (refits.theta[k], own, certified)
    members = []
    for dropped in range(n_drop + 1):
        theta, own, certified = found[dropped, n_stages]
        held_out = {}
        for last in range(first, n_stages):
            if (dropped, last) not in found:
                continue
            before, error, valid = found[dropped, last]
            ahead = replace(problem, weight=((stage == last) * problem.weight_of(0))[None])
            held_out[last] = None
            if valid:
                density = held_out_density(ahead, before, error.matrix, sd)
                held_out[last] = HeldOut(*(share * np.array(density)))
        members.append(Member(dropped, theta, own.matrix, own.dof, certified, held_out))
    return members


def scores_of(tables, n_stages, odds):
    """Return the log score of every member of every law, and the misfit of its predictions.

    The score adds up, over the stages, the log density that the fit to the stages before gives a
    stage: what is left of the evidence for a law once it has been fitted to the first stages. A
    member that leaves out so much that it cannot predict a stage takes the density of its law
    without omission there; a fit that failed takes the worst of all.

    Parameters
    ----------
    tables : list of list of Member
        One list per law, the first member of which leaves nothing out.
    n_stages : int
    odds : float
        Prior odds of leaving out one more stage.

    Returns
    -------
    scores : list of ndarray
    misfits : list of list of HeldOut
        Sums over the stages.
    """
    scores = [np.log(odds) * np.arange(len(members)) for members in tables]
    misfits = [[HeldOut(0.0, 0.0, 0.0)] * len(members) for members in tables]
    for last in range(first_held_out(n_stages), n_stages):
        column = [
            [member.held_out.get(last, members[0].held_out.get(last)) for member in members]
            for members in tables
        ]
        valid = [found.log_density for row in column for found in row if found is not None]
        worst = min(valid, default=0.0)
        for i, row in enumerate(column):
            for j, found in enumerate(row):
                scores[i][j] += worst if found is None else found.log_density
                if found is not None:
                    misfits[i][j] = HeldOut(*np.add(misfits[i][j], found))
    return scores, misfits
