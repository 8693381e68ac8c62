"""The learning rate and the batch of a size: by a stated rule, or tuned."""

import math

import numpy as np

# Where the rules are anchored: the sweep that ships (byte-level English, 0.01 to 0.9 M parameters).
# Its nine tuned rates are 0.73 to 1.29 times the rule (tests/training/test_plan.py).
_WIDTH, _RATE, _BATCH, _TOKENS = 64, 0.004, 1024, 1e6
_LARGEST = 0.02
_MOST_RATES = 6


def rule_batch_sequences(D, seq_len):
    """Return the batch size for a number of training tokens.

    1024 tokens at a million, and in proportion to the square root of D: the critical batch grows
    with the data, not with the model (Zhang et al. 2024, arXiv 2410.21676).

    Parameters
    ----------
    D : float
        Training tokens.
    seq_len : int
        Tokens per sequence.

    Returns
    -------
    int
        Sequences per step, a power of two.

    Examples
    --------
    >>> from scalinglaws.training import rule_batch_sequences
    >>> rule_batch_sequences(1e6, 128), rule_batch_sequences(2e7, 128)
    (8, 32)
    """
    sequences = _BATCH * math.sqrt(D / _TOKENS) / seq_len
    return 2 ** max(0, round(math.log2(sequences)))


def rule_learning_rate(d, batch_tokens, scale=1.0):
    """Return the peak learning rate of a size.

    0.004 at width 64 and a batch of 1024 tokens, in proportion to the square root of the batch and
    inversely to the width.

    Parameters
    ----------
    d : int
        Width.
    batch_tokens : int
        Tokens per step.
    scale : float
        Factor on the rule.

    Returns
    -------
    float
        Learning rate of AdamW, at most 0.02.

    Examples
    --------
    >>> from scalinglaws.training import rule_learning_rate
    >>> rule_learning_rate(64, 1024), rule_learning_rate(256, 1024)
    (0.004, 0.001)
    """
    return min(_LARGEST, scale * _RATE * (_WIDTH / d) * math.sqrt(batch_tokens / _BATCH))


def next_rates(losses, start):
    """Return the learning rates to try next, none if the best is known.

    Three rates a factor of two apart; then, while the best is at the edge of those tried, one more
    beyond it, up to six in all.

    Parameters
    ----------
    losses : dict of float to float
        Final loss of every rate tried; infinite where training diverged.
    start : float
        The rate to begin from.

    Returns
    -------
    list of float
        Rates.

    Examples
    --------
    >>> from scalinglaws.training.tuning import next_rates
    >>> next_rates({}, 0.01)
    [0.005, 0.01, 0.02]
    >>> next_rates({0.005: 2.0, 0.01: 1.9, 0.02: 1.8}, 0.01)
    [0.04]
    """
    if not losses:
        return [start / 2, start, start * 2]
    tried = sorted(losses)
    if len(tried) >= _MOST_RATES:
        return []
    best = min(tried, key=losses.get)
    if not math.isfinite(losses[best]):
        return [tried[0] / 2]
    if best == tried[0]:
        return [best / 2]
    if best == tried[-1]:
        return [best * 2]
    return []


def best_rate(losses):
    """Return the learning rate at the minimum of a parabola in its logarithm.

    Parameters
    ----------
    losses : dict of float to float
        Final loss of every rate tried.

    Returns
    -------
    float
        The vertex of the parabola through the best rate and its two neighbours; the best rate
        itself where it has no two, or one of them diverged.

    Raises
    ------
    ValueError
        If training diverged at every rate.

    Examples
    --------
    >>> from scalinglaws.training.tuning import best_rate
    >>> round(best_rate({0.005: 2.0, 0.01: 1.9, 0.02: 2.0}), 6)
    0.01
    """
    tried = sorted(losses)
    best = min(range(len(tried)), key=lambda i: losses[tried[i]])
    if not math.isfinite(losses[tried[best]]):
        raise ValueError(
            f"training diverged at every learning rate from {tried[0]:g} to {tried[-1]:g}."
        )
    near = tried[max(0, best - 1) : best + 2]
    if len(near) < 3 or not all(math.isfinite(losses[rate]) for rate in near):
        return tried[best]
    curvature, slope, _ = np.polyfit(np.log(near) - np.log(near[1]), [losses[r] for r in near], 2)
    if curvature <= 0:
        return tried[best]
    return float(near[1] * np.exp(-slope / (2 * curvature)))
