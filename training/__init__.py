"""Training of the sweeps that the laws are fitted to; the trainer is being built.

The folder ``training/`` of the repository is imported as ``scalinglaws.training``. It will hold the
model and its configuration, the data stream, the learning-rate schedule, the training loop, the
sweep over compute budgets and shapes, the launchers (one machine, torchrun, a cluster queue) and
the records that turn logs into the same run table (``N``, ``D``, ``C``, ``loss``) that the
estimators read. PyTorch comes with the ``training`` extra and is imported only inside the functions
that train, so importing this package never needs it.
"""
