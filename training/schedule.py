"""The learning rate as a pure function of the step."""

import math


def learning_rate(config, step):
    """Return the learning rate of one optimiser step.

    Parameters
    ----------
    config : RunConfig
        The run.
    step : int
        Index of the step, from 0 to ``config.steps - 1``.

    Returns
    -------
    float
        Linear warm-up reaches the peak at step ``warmup - 1``. The decay of ``"wsd"`` and the
        cosine start from the peak and would reach ``final_lr`` times the peak at step
        ``config.steps``, as in open_lm.

    Examples
    --------
    >>> from scalinglaws.training import ModelConfig, RunConfig, learning_rate
    >>> model = ModelConfig(d=32, n_layers=2, n_heads=2)
    >>> run = RunConfig(
    ...     model=model, data="corpus", steps=10, batch_sequences=4, lr=1.0, warmup=2, decay_steps=4
    ... )
    >>> [learning_rate(run, step) for step in range(10)]
    [0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25]
    """
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    length = config.decay_steps if config.schedule == "wsd" else config.steps - config.warmup
    done = step - (config.steps - length)
    if done <= 0:
        return config.lr
    fraction = done / length
    if "cosine" in (config.schedule, config.decay_shape):
        remaining = 0.5 * (1.0 + math.cos(math.pi * fraction))
    elif config.decay_shape == "sqrt":
        remaining = 1.0 - math.sqrt(fraction)
    else:
        remaining = 1.0 - fraction
    return config.lr * (config.final_lr + (1.0 - config.final_lr) * remaining)
