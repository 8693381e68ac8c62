"""Start the jobs of a sweep as arrays of a SLURM cluster, through submitit."""

import os
import signal
import time
from contextlib import contextmanager

from .atomic import write_text
from .launch import levels
from .process import reap, signals_noted, start, stop

# Exit status of a job, for the jobs that come after it on other machines.
_STATUS = "job.exit"
# Seconds between the signal of a time limit or preemption and the end, and what is left of them
# for submitit to hand the job back to the queue.
_SIGNAL_DELAY = {"slurm": 90, "local": 30, "debug": 30}
_MARGIN = 15


def submit_slurm(jobs, *, folder, parameters, array_parallelism=None, cluster="slurm"):
    """Submit jobs to SLURM, one array per level of jobs that wait for others.

    An array starts when the one before has ended; a job in it fails at once if a job that it comes
    after has failed. At the time limit, or when preempted, a job gets SIGTERM, saves, and the same
    command goes back into the queue.

    Parameters
    ----------
    jobs : iterable of Job
        The jobs. Their folders must be on a disk that all nodes share.
    folder : path-like
        For the scripts and logs of submitit; on a shared disk too.
    parameters : dict
        Parameters of `submitit.AutoExecutor`, such as ``timeout_min`` (required: minutes),
        ``gpus_per_node``, ``cpus_per_task``, ``mem_gb``, ``slurm_partition``, ``slurm_account``,
        ``slurm_signal_delay_s`` (90: seconds between the warning and the time limit) and
        ``slurm_max_num_timeout`` (20: time limits in a row after which a job is given up).
    array_parallelism : int, optional
        Jobs of an array that may run at the same time; submitit's 256 if not given.
    cluster : {"slurm", "local", "debug"}
        The last two run the jobs here, to try things out, and wait for them.

    Returns
    -------
    dict of str to str
        Job id per name: ``"123_0"`` is element 0 of array 123.

    Raises
    ------
    ImportError
        If submitit is not installed.
    ValueError
        If a parameter is missing or asks for several tasks per node, names of jobs repeat, or
        `Job.after` names no other job or goes round in a circle.
    RuntimeError
        If this machine has no SLURM.
    """
    try:
        import submitit
    except ImportError:
        raise ImportError(
            "submitting to SLURM needs submitit; pip install 'scalinglaws[training]'"
        ) from None
    jobs = list(jobs)
    arrays = levels(jobs)
    parameters = {"name": "scalinglaws", **parameters}
    if not {"timeout_min", f"{cluster}_timeout_min", f"{cluster}_time"} & set(parameters):
        raise ValueError(
            "parameters must have timeout_min, the time limit of a job in minutes; submitit would "
            "take five."
        )
    for key in ("tasks_per_node", "slurm_tasks_per_node", "slurm_ntasks_per_node"):
        if parameters.get(key, 1) != 1:
            raise ValueError(
                f"{key} must be 1. Got {parameters[key]!r}; torchrun starts several processes per "
                "node."
            )
    if array_parallelism is not None:
        parameters["slurm_array_parallelism"] = array_parallelism
    limits = {"slurm_max_num_timeout": parameters.pop("slurm_max_num_timeout", 20)}
    executor = submitit.AutoExecutor(folder=folder, cluster=cluster, **limits)
    executor.update_parameters(**parameters)
    task = Task(parameters.get(f"{cluster}_signal_delay_s", _SIGNAL_DELAY[cluster]))
    folders = {job.name: job.folder for level in arrays for job in level}
    ids = {}
    for level in arrays:
        for job in level:
            (job.folder / _STATUS).unlink(missing_ok=True)
        before = [{name: folders[name] for name in job.after} for job in level]
        try:
            handles = executor.map_array(task, level, before)
        except Exception as error:
            error.add_note(f"Already submitted: {', '.join(ids.values()) or 'nothing'}.")
            raise
        ids |= {job.name: handle.job_id for job, handle in zip(level, handles, strict=True)}
        if cluster == "slurm":
            # Not afterok: one failed job would keep the others of the next level waiting for ever.
            after = "afterany:" + handles[0].job_id.partition("_")[0]
            given = parameters.get("slurm_dependency")
            executor.update_parameters(slurm_dependency=f"{given},{after}" if given else after)
        else:
            for handle in handles:
                handle.exception()
    return {job.name: ids[job.name] for job in jobs}


class Task:
    """What submitit runs on a node: a job, and its way back into the queue.

    Parameters
    ----------
    delay : float
        Seconds between the warning of a time limit or preemption and the end.
    """

    def __init__(self, delay):
        self.grace = max(delay - _MARGIN, delay / 2)
        self._child = None

    def __call__(self, job, before):
        """Run a job.

        Parameters
        ----------
        job : Job
            The job.
        before : dict of str to Path
            Folders of the jobs that must have succeeded.

        Raises
        ------
        RuntimeError
            If the job fails, or one before it has.
        """
        for name, folder in before.items():
            if not _succeeded(folder):
                raise RuntimeError(
                    f"job {job.name} was not started because {name} has failed or was cancelled; "
                    f"see {folder / 'job.log'}"
                )
        rank, rendezvous = _place()
        log = f"job.{rank}.log" if rank else "job.log"
        with signals_noted() as noted:
            with _warning_blocked():
                child = self._child = start(job, rendezvous, log)
            try:
                while not noted and not reap(child):
                    time.sleep(0.2)
            finally:
                stop([child], self.grace)
        status = child.returncode
        if rank == 0:
            write_text(job.folder / _STATUS, f"{status}\n")
        if status:
            raise RuntimeError(
                f"job {job.name} ended with exit status {status}; see {job.folder / log}"
            )

    def checkpoint(self, job, before):
        """Stop the job, for the same command to go on later; submitit calls this on its signal."""
        import submitit

        if self._child is not None:
            stop([self._child], self.grace)
            self._child = None
        return submitit.helpers.DelayedSubmission(self, job, before)


def _place():
    """Return the rank of this node, and how the torchrun of each node finds the others."""
    import submitit

    try:
        here = submitit.JobEnvironment()
    except RuntimeError:
        # cluster="debug" describes none to jobs that may fail.
        return 0, {}
    if here.num_nodes == 1:
        return 0, {}
    # torchrun takes from these variables what its command line leaves open.
    port = 20000 + int(here.raw_job_id) % 10000
    return here.global_rank, {
        "PET_RDZV_ENDPOINT": f"{here.hostnames[0]}:{port}",
        "PET_RDZV_ID": here.job_id,
    }


def _succeeded(folder):
    try:
        return int((folder / _STATUS).read_text()) == 0
    except FileNotFoundError:
        return False


@contextmanager
def _warning_blocked():
    """Keep the signal that submitit waits for from the processes started in the block.

    Where SLURM sends it to all processes of a job, it would kill them before they can save.
    """
    number = getattr(signal, "SIG" + os.environ.get("SUBMITIT_PREEMPT_SIGNAL", "USR2"))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
