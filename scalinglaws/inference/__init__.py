"""How sure an answer is."""

from ._covariance import propagate, robust_covariance, standard_errors

__all__ = ["propagate", "robust_covariance", "standard_errors"]
