"""How much memory and disk a run needs, estimated before it starts."""

import errno
import os
import shutil

# Weights, gradients and the two moments of AdamW, in float32.
_BYTES_PER_PARAMETER = 16
_BYTES_PER_SAVED_PARAMETER = 12
_PROCESS = 480e6


def run_memory(config):
    """Estimate the memory of a run.

    Parameters
    ----------
    config : RunConfig
        The run.

    Returns
    -------
    float
        Bytes: weights, gradients, optimiser, what the backward pass needs of every layer and the
        logits, and the process itself.

    Examples
    --------
    >>> from scalinglaws.training import ModelConfig, RunConfig
    >>> from scalinglaws.training.memory import run_memory
    >>> large = ModelConfig(d=2048, n_layers=24, n_heads=32, vocab_size=50432, seq_len=2048)
    >>> run = RunConfig(model=large, data="corpus", steps=1, batch_sequences=8, lr=1e-3)
    >>> f"{run_memory(run) / 1e9:.0f} GB"
    '138 GB'
    """
    model = config.model
    tokens = config.batch_tokens / config.accumulate
    # Chosen after the peaks of models of 0.1 to 32 M parameters on a CPU.
    layer = 16 * model.d + 6 * model.ffn
    size = 2 if config.precision == "bf16" else 4
    activations = tokens * (model.n_layers * layer * size + 12 * model.vocab_size)
    return _PROCESS + _BYTES_PER_PARAMETER * model.N + activations


def checkpoint_size(config):
    """Estimate the size of one checkpoint of a run.

    Parameters
    ----------
    config : RunConfig
        The run.

    Returns
    -------
    float
        Bytes.
    """
    return _BYTES_PER_SAVED_PARAMETER * config.model.N + 4 * config.steps + 1e4


def available_memory(device):
    """Return the memory of a device.

    Parameters
    ----------
    device : str
        As in `RunConfig`.

    Returns
    -------
    float
        Bytes: what is free on a GPU; what a CPU's machine or its control group has in all.
    """
    import torch

    if device.startswith("cuda") or (device == "auto" and torch.cuda.is_available()):
        return float(torch.cuda.mem_get_info()[0])
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as file:
            return float(min(physical, int(file.read())))
    except (OSError, ValueError):
        return float(physical)


def check_memory(groups, workers):
    """Refuse a sweep whose largest runs do not fit into memory side by side.

    Parameters
    ----------
    groups : list of Group
        Its runs.
    workers : int
        Groups at the same time.

    Raises
    ------
    ValueError
        With the size that does not fit, the estimate, and what there is.
    """
    largest = sorted((max(g.tasks, key=lambda t: run_memory(t.config)) for g in groups),
                     key=lambda t: -run_memory(t.config))[:workers]  # fmt: skip
    need = sum(run_memory(task.config) for task in largest)
    there = available_memory(largest[0].config.device)
    if need > there:
        model = largest[0].config.model
        raise ValueError(
            f"{len(largest)} runs at a time need about {need / 1e9:.3g} GB of memory (the largest "
            f"is {model.name} with N={model.N:,}), there are {there / 1e9:.3g} GB; use fewer "
            "workers, smaller sizes, or a smaller batch."
        )


def check_disk(groups, workers, path):
    """Refuse a sweep whose checkpoints do not fit onto the disk.

    Parameters
    ----------
    groups : list of Group
        Its runs; a group removes its checkpoints when it has ended.
    workers : int
        Groups at the same time.
    path : path-like
        A folder on the disk.

    Raises
    ------
    OSError
        With the estimate and what there is.
    """
    sizes = (
        sum((1 + len(task.keep)) * checkpoint_size(task.config) for task in group.tasks)
        for group in groups
    )
    # One more of each while it is replaced; the losses of every step remain.
    need = 2 * sum(sorted(sizes)[-workers:])
    need += sum(4 * task.config.steps for group in groups for task in group.tasks)
    free = shutil.disk_usage(path).free
    if need > free:
        raise OSError(
            errno.ENOSPC,
            f"the checkpoints of the sweep need about {need / 1e6:,.0f} MB, the disk of {path} has "
            f"{free / 1e6:,.0f} MB free; free some space, or use fewer workers",
        )
