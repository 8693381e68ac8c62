"""What a fitted law is asked for: parameters, allocation, losses; for draws and derivatives."""

import numpy as np

_STEP = 1e-30


def parameters(problem, theta):
    """Return the parameters of the law under the names of its surface, then a and b.

    Parameters
    ----------
    problem : Problem
    theta : ndarray of shape (..., p)
        One vector or many; complex for derivatives.

    Returns
    -------
    dict of str to ndarray
        In raw units.
    """
    law, (x0, z0) = problem.law, problem.center
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        if law.name == "kaplan":
            _, a, b, alpha, beta, _ = np.moveaxis(law.expand(theta), -1, 0)
            values = {"Nc": np.exp(a / alpha + x0), "Dc": np.exp(b / beta + z0)}
            values |= {"alpha_N": alpha, "alpha_D": beta}
        else:
            values = problem.natural(theta)
            alpha, beta = values["alpha"], values["beta"]
            names = ("E", "A", "B", "alpha", "beta", "gamma")[: 5 + law.coupled]
            names = names[law.names[0] != "E" :]
            if not law.data_term:
                names = ("A", "alpha", "E")[: 2 + ("E" in law.names)]
            values = {name: values[name] for name in names}
        if law.data_term:
            values |= {"a": beta / (alpha + beta), "b": alpha / (alpha + beta)}
    return values


def log_allocation(problem, theta, C):
    """Return log N* and log D* at budgets, shape (..., n_budgets) each.

    Parameters
    ----------
    problem : Problem
        Of a law in two variables.
    theta : ndarray of shape (..., p)
    C : ndarray of shape (n_budgets,)
        FLOPs, C = 6 N D.
    """
    x0, z0 = problem.center
    c = np.log(C / 6.0) - x0 - z0
    x = problem.law.optimal_place(np.asarray(theta)[..., None, :], c)
    return x + x0, c - x + z0


def losses(problem, theta, log_N, log_D):
    """Losses of many parameter vectors at runs, shape (n, n_runs).

    Parameters
    ----------
    problem : Problem
    theta : ndarray of shape (n, p)
    log_N, log_D : ndarray of shape (n_runs,) or (n, n_runs)
        Logarithms of the two variables of the law.
    """
    x0, z0 = problem.center
    return problem.law.loss(theta, log_N - x0, log_D - z0)


def loss_derivatives(problem, theta, log_N, log_D):
    """Return the derivatives of the losses of one parameter vector, shape (n_runs, p)."""
    x, z = log_N - problem.center[0], log_D - problem.center[1]
    return problem.law.jacobian(problem.law.terms(theta[None], x, z), x, z)[0].T


def regret(problem, theta, C, log_N):
    """Cost of training N in place of N* at a budget.

    Parameters
    ----------
    problem : Problem
    theta : ndarray of shape (n, p)
    C : float
        FLOPs.
    log_N : ndarray of shape (n,) or float
        Logarithm of the size that is trained, on C / (6 N) tokens.

    Returns
    -------
    loss : ndarray of shape (n,)
        Loss above the compute-optimal one.
    compute : ndarray of shape (n,)
        Share of C that is wasted: the compute-optimal run reaches the same loss with the rest.
    """
    best_N, best_D = (part[:, :1] for part in log_allocation(problem, theta, np.array([C])))
    log_N = np.broadcast_to(np.reshape(log_N, (-1, 1)), best_N.shape)
    best = losses(problem, theta, best_N, best_D)[:, 0]
    trained = losses(problem, theta, log_N, np.log(C / 6.0) - log_N)[:, 0]
    floor = problem.law.expand(theta)[:, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        saved = (np.log(trained - floor) - np.log(best - floor)) / problem.law.frontier_exponent(
            theta
        )
    return np.maximum(trained - best, 0.0), -np.expm1(-np.maximum(saved, 0.0))


def derivatives(function, theta):
    """Differentiate an analytic function by complex steps: exact to rounding.

    Parameters
    ----------
    function : callable
        From an array of shape (p, p) to one of shape (p, q).
    theta : ndarray of shape (p,)

    Returns
    -------
    ndarray of shape (q, p)

    References
    ----------
    Squire and Trapp 1998, "Using Complex Variables to Estimate Derivatives of Real Functions".
    """
    steps = theta + 1j * _STEP * np.eye(len(theta))
    return np.imag(function(steps)).T / _STEP
