"""Closed form of the bias of the IsoFLOP parabola's vertex."""

import numpy as np

# Below this value of exponent times half width the sums are expanded in powers of it.
_SERIES_LIMIT = 1.0
_SERIES_TERMS = 12


def vertex_shift(alpha, beta, half_width, n_points, center=0.0):
    r"""Distance of the parabola's vertex from the true optimum of an IsoFLOP profile.

    Along a budget ``C = 6 N D`` the law ``E + A N**-alpha + B D**-beta`` is, with
    ``w = log10(N / N*)``, ``L = E + R ((beta/alpha) 10**(-alpha w) + 10**(beta w))``. A parabola
    fitted to it by least squares on an equally spaced grid has its vertex at ``w = shift``, which
    does not depend on E, R or C. It vanishes for ``alpha = beta`` on a centred grid; a grid that
    is off centre by the same amount at every budget biases the intercept of Approach 2 but not the
    exponent, one that drifts with the budget biases both.

    Parameters
    ----------
    alpha, beta : float or array-like
        Exponents of the law, positive.
    half_width : float or array-like
        Half the length of the grid in decades of N, positive (0.903 is a factor of 8 either way).
    n_points : int or array-like
        Number of points of the grid, ends included; at least 3.
    center : float or array-like, default=0.0
        Place of the grid's centre, ``log10(N_centre / N*)``.

    Returns
    -------
    ndarray or float
        ``log10(N_vertex / N*)``, of the shape that the arguments broadcast to. The parabola in
        log10 D has the opposite shift.

    Notes
    -----
    With the sums ``Z(t) = sum exp(t v)`` over a centred grid of step ``h = 2 W / (n - 1)``,
    ``Z(t) = sinh(n t h / 2) / sinh(t h / 2)``, and its derivatives, the normal equations of the
    parabola give the vertex as ``center - (odd / S2) (n S4 - S2**2) / (2 (n even2 - S2 even0))``,
    where ``S_k = sum v**k`` and, for ``p = (beta/alpha) 10**(-alpha center)`` and
    ``q = 10**(beta center)``, ``odd = q Z'(t_b) - p Z'(t_a)`` and ``even_k`` the same sums with
    ``+`` and even derivatives (``t_a = alpha ln 10``). On a centred grid the leading parts of
    ``odd`` cancel exactly and are therefore left out before anything is added up; for small
    ``t W`` the rest comes from the power series of the quotient of the two sinh. The result is
    accurate to 1e-14 of itself on a centred grid, and of ``center`` and ``half_width`` off centre.

    References
    ----------
    Czech et al. 2026, arXiv 2603.22339 (the centred grid). The closed sums and the off-centre
    grid are derived here.

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws.solvers import vertex_shift
    >>> print(f"{vertex_shift(0.34, 0.28, np.log10(8), 15):.14f}")
    0.01279376216828
    >>> print(f"{vertex_shift(0.31, 0.31, 0.9, 15, center=-0.2):.6f}")
    0.001354
    """
    arguments = (alpha, beta, half_width, n_points, center)
    alpha, beta, width, n, centre = np.broadcast_arrays(*(np.asarray(v, float) for v in arguments))
    for name, value in (("alpha", alpha), ("beta", beta), ("half_width", width)):
        if not np.all(np.isfinite(value) & (value > 0)):
            raise ValueError(f"{name} must be positive and finite, got {value!r}.")
    if not np.all((n >= 3) & (n == np.floor(n))):
        raise ValueError(f"n_points must be whole numbers from 3 on, got {n_points!r}.")
    # From here on the unit of length is the half width, and tau = exponent * ln(10) * half_width.
    tau_a, tau_b, c = alpha * np.log(10) * width, beta * np.log(10) * width, centre / width
    p, q = (beta / alpha) * np.exp(-tau_a * c), np.exp(tau_b * c)
    odd_a, even_a = _remainders(tau_a, n)
    odd_b, even_b = _remainders(tau_b, n)
    leading = tau_b * np.exp(-tau_a * c) * np.expm1((tau_a + tau_b) * c)
    slope = leading + q * odd_b - p * odd_a
    shift = width * (c - slope / (2.0 * (q * even_b + p * even_a)))
    return shift if shift.ndim else float(shift)


def _remainders(tau, n):
    """Return ``Z'/S2 - tau`` and ``(n Z'' - S2 Z) / (n S4 - S2**2)`` on the grid of [-1, 1]."""
    moments = _even_moments(n)
    # moments[k] is S_2k / (n (2k)!): S2 = 2 n m1, S4 = 24 n m2.
    spread = 24.0 * moments[2] - (2.0 * moments[1]) ** 2
    square = tau**2
    odd, even = np.zeros_like(tau), np.zeros_like(tau)
    for k in range(_SERIES_TERMS, 0, -1):
        second = (2 * k + 2) * (2 * k + 1) * moments[k + 1]
        odd = (odd + (2 * k + 2) * moments[k + 1] / (2.0 * moments[1])) * square
        even = even * square + (second - 2.0 * moments[1] * moments[k])
    odd, even = odd * tau, even * square / spread
    wide = tau > _SERIES_LIMIT
    if wide.any():
        t = np.where(wide, tau, _SERIES_LIMIT)
        half = 1.0 / (n - 1.0)
        outer, inner = n * half * t, half * t
        mean = np.sinh(outer) / np.sinh(inner) / n
        growth = half * (n / np.tanh(outer) - 1.0 / np.tanh(inner))
        change = half**2 * (1.0 / np.sinh(inner) ** 2 - (n / np.sinh(outer)) ** 2)
        second = 2.0 * moments[1]
        odd = np.where(wide, mean * growth / second - t, odd)
        even = np.where(wide, mean * (growth**2 + change - second) / spread, even)
    return odd, even


def _even_moments(n):
    """Return ``S_2k / (n (2k)!)`` of the grid of `n` points on [-1, 1], k from 0 up.

    They are the coefficients of ``sinh(n s) / (n sinh(s))`` at ``s = tau / (n - 1)``.
    """
    step = 1.0 / (n - 1.0) ** 2
    numerator = [np.ones_like(n)]
    denominator = [np.ones_like(n)]
    for k in range(1, _SERIES_TERMS + 2):
        over = (2 * k) * (2 * k + 1)
        numerator.append(numerator[-1] * (n**2 * step) / over)
        denominator.append(denominator[-1] * step / over)
    moments = []
    for k in range(_SERIES_TERMS + 2):
        value = numerator[k].copy()
        for i in range(1, k + 1):
            value -= moments[k - i] * denominator[i]
        moments.append(value)
    return moments
