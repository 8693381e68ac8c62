"""How sure an answer is."""

from ._covariance import delta_method, propagate, robust_covariance

__all__ = ["delta_method", "propagate", "robust_covariance"]
