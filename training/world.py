"""The processes that train one model together: one, or those that torchrun started."""

import os

import torch
from torch import distributed


class Processes:
    """The processes that train one model together, and the device of this one.

    Parameters
    ----------
    config : RunConfig
        The run.
    """

    def __init__(self, config):
        self.world = int(os.environ.get("WORLD_SIZE", 1))
        self.rank = int(os.environ.get("RANK", 0))
        device = config.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if device == "cuda":
            device = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
        self.device = torch.device(device)
        if config.batch_sequences % (self.world * config.accumulate):
            raise ValueError(
                f"batch_sequences={config.batch_sequences} is not a multiple of {self.world} "
                f"processes x accumulate={config.accumulate}."
            )

    @property
    def first(self):
        """Whether this process writes."""
        return self.rank == 0

    def __enter__(self):
        """Join the others."""
        self._joined = self.world > 1 and not distributed.is_initialized()
        if self._joined:
            distributed.init_process_group("nccl" if self.device.type == "cuda" else "gloo")
        return self

    def __exit__(self, *exception):
        """Leave them."""
        if self._joined:
            distributed.destroy_process_group()

    def wait(self):
        """Wait for the others."""
        if self.world > 1:
            distributed.barrier()

    def mine(self, rows):
        """Return the part of this process."""
        return rows[self.rank :: self.world]

    def total(self, tensor):
        """Sum a tensor over the processes, in place."""
        if self.world > 1:
            distributed.all_reduce(tensor)
        return tensor

    def any(self, flag):
        """Tell whether the flag is set in any process."""
        if self.world == 1:
            return flag
        return bool(self.total(torch.tensor(float(flag), device=self.device)) > 0)
