"""What training compute costs on rented accelerators."""

import numpy as np


def training_cost(flops, *, peak=1979e12, utilization=0.5, price=2.0):
    """Return what compute costs on rented accelerators.

    Parameters
    ----------
    flops : float or array-like
        Training compute.
    peak : float, default=1979e12
        Peak rate of one accelerator, FLOP/s. The default is that of the original: what NVIDIA
        states for bf16 on an H100 *with sparsity*. Dense products, as in training, reach half of
        it, 989e12, and cost twice as much.
    utilization : float, default=0.5
        Share of the peak that training reaches.
    price : float, default=2.0
        Dollars per accelerator and hour.

    Returns
    -------
    ndarray or float
        Dollars.

    Examples
    --------
    >>> from scalinglaws.studies.czech2026._training_cost import training_cost
    >>> print(f"{training_cost(2.39414721505e24):.0f}")
    1344196
    """
    return np.asarray(flops) * price / (peak * utilization * 3600.0)
