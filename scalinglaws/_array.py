"""Which library an array belongs to: numpy, or torch for batches on a GPU."""

import array_api_compat
import array_api_compat.numpy as numpy_namespace
import numpy as np
from array_api_compat import device

__all__ = ["device", "namespace"]


def namespace(array):
    """Return the library of an array; quick for numpy, which is what it nearly always is.

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws._array import namespace
    >>> namespace(np.ones(2)).__name__
    'array_api_compat.numpy'
    """
    if type(array) is np.ndarray:
        return numpy_namespace
    return array_api_compat.array_namespace(array)
