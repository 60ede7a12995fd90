"""Functions run by several processes that train together over gloo."""

import multiprocessing
import os
import tempfile
import traceback
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

LIMIT = 300  # seconds
CONTEXT = multiprocessing.get_context("forkserver")
# The processes begin with all that takes long to import.
SLOW = ("toolkit.engine.kernels", "lightning", "sentence_transformers", "torchdata.stateful_dataloader")
CONTEXT.set_forkserver_preload(["ranks", "toolkit", "toolkit.training", "toolkit.models", *SLOW])


def run_ranks(function, *arguments, n=2):
    """Return what `function(*arguments)` returns in each of `n` processes; raise if one fails or takes too long."""
    with tempfile.TemporaryDirectory() as folder:
        ranks = [CONTEXT.Process(target=_rank, args=(rank, n, folder, function, arguments)) for rank in range(n)]
        for process in ranks:
            process.start()
        for process in ranks:
            process.join(LIMIT)
        late = [process for process in ranks if process.is_alive()]
        for process in late:
            process.kill()
        failed = [path.read_text() for path in sorted(Path(folder).glob("error*"))]
        assert not failed, "\n".join(failed)
        assert not late, f"{len(late)} of {n} processes are late"
        assert not any(process.exitcode for process in ranks), [process.exitcode for process in ranks]
        return [torch.load(f"{folder}/result{rank}", weights_only=False) for rank in range(n)]


def _rank(rank, n, folder, function, arguments):
    torch.set_num_threads(1)
    multiprocessing.set_start_method("fork", force=True)  # else workers would import everything
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(n), "LOCAL_RANK": str(rank)}
    try:
        store = dist.FileStore(f"{folder}/store", n)
        dist.init_process_group("gloo", store=store, rank=rank, world_size=n, timeout=timedelta(seconds=LIMIT / 2))
        torch.save(function(*arguments), f"{folder}/result{rank}")
        dist.destroy_process_group()
    except BaseException:
        Path(folder, f"error{rank}").write_text(traceback.format_exc())
        raise


def as_launched():
    """Set what accelerate expects of a launcher; the processes have met already."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0", "LOCAL_WORLD_SIZE": os.environ["WORLD_SIZE"]}
