"""A small training that one process or several can do, with the same batches and losses."""

import copy
from functools import partial
from itertools import islice

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from toolkit import RandomWalkBatchSampler
from toolkit.models import MoCoV3, SimCLR
from toolkit.models.losses import dcl, gathered, hcl, nt_xent
from toolkit.samplers import DistributedBatches

N, BATCH, DIM = 384, 32, 12
LOSSES = {"nt_xent": nt_xent, "dcl": partial(dcl, tau_plus=0.05), "hcl": partial(hcl, beta=0.5), "moco": nt_xent}


class Encoder(nn.Module):
    """A small network without batch normalisation, whose statistics would be those of a slice."""

    def __init__(self, width=16):
        super().__init__()
        self.n_features = width
        self.layers = nn.Sequential(nn.Linear(DIM, 24), nn.Tanh(), nn.Linear(24, width))

    def forward(self, rows):
        return self.layers(rows)


def make_model(loss, dtype):
    torch.manual_seed(0)
    whole = gathered(LOSSES[loss])
    if loss == "moco":
        model = MoCoV3(Encoder(), momentum=0.9, loss=whole)
        model.projector, model.predictor = nn.Linear(16, 8), nn.Linear(8, 8)
        model.momentum_projector = copy.deepcopy(model.projector).requires_grad_(False)
    else:
        model = SimCLR(Encoder(), loss=whole)
        model.head = nn.Linear(16, 8)
    return model.to(dtype)


def make_batches(everywhere=False, **settings):
    walk = {"n_candidates": 60, "n_neighbors": 6, "restart": 0.2, "refresh_every": 8, "coverage": "partition"}
    sampler = RandomWalkBatchSampler(N, BATCH, **walk | {"drop_last": True} | settings)
    return DistributedBatches(sampler, everywhere=everywhere)


class SharedTraining:
    """The training: one step after the other, its batches and losses kept."""

    def __init__(self, loss="nt_xent", dtype=torch.float64, batches=None):
        self.model, self.batches = make_model(loss, dtype), batches or make_batches()
        self.network = DistributedDataParallel(self.model) if dist.is_initialized() else self.model
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9)
        generator = torch.Generator().manual_seed(1)
        centers = torch.randn(24, DIM, generator=generator, dtype=torch.float64)
        spread = torch.randn(5, N, DIM, generator=generator, dtype=torch.float64)
        self.views = (centers.repeat(N // 24, 1) + 0.5 * spread).to(dtype)
        self.drawn, self.losses = [], []

    def epoch(self, stop=None):
        """Train for an epoch, or for `stop` batches of it."""
        for number, index in enumerate(self.batches, 1):
            step = len(self.losses)
            loss, embeddings = self.network(self.views[step % 5, index], self.views[(step + 1) % 5, index])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.batches.update(index, embeddings)
            self.drawn.append(index)
            self.losses.append(loss.item())
            if number == stop:
                return


def course(loss, dtype, epochs, everywhere=False):
    """Train; return batches, losses and, where there is one, the graph's number of builds."""
    training = SharedTraining(loss, dtype, make_batches(everywhere))
    for _ in range(epochs):
        training.epoch()
    return training.drawn, training.losses, training.batches.planner._builds


def courses(cases):
    """Return several courses."""
    return [course(*case) for case in cases]


def resumed_courses(cases):
    """Return several courses that are resumed."""
    return [resumed_course(*case) for case in cases]


def resumed_course(epochs, stop, everywhere):
    """Train, stop in the last epoch, go on with a state; return the batches as an uninterrupted training has them."""
    training = SharedTraining(batches=make_batches(everywhere))
    for _ in range(epochs - 1):
        training.epoch()
    training.epoch(stop)
    state = copy.deepcopy(training.batches.state_dict(stop))
    training.batches = make_batches(everywhere)
    training.batches.load_state_dict(first_of(state) if not everywhere else state)
    training.epoch()
    training.epoch()
    return training.drawn


def first_of(state):
    """Return the state of the first process, as a checkpoint that only it writes has it."""
    states = [state]
    dist.broadcast_object_list(states)
    return states[0]


def failing(call):
    """Return the error of a call in this process."""
    try:
        call()
    except (ValueError, RuntimeError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def loaded(n_trained):
    """Return a sampler that is to continue after some batches."""
    first, second = (RandomWalkBatchSampler(N, BATCH, n_neighbors=6) for _ in range(2))
    list(islice(first, n_trained))
    second.load_state_dict(first.state_dict(trained=n_trained))
    return second


def refusals():
    """Return what wrong uses are answered in this process."""
    rank = dist.get_rank()
    batches = make_batches()
    index = next(iter(batches))
    everywhere = make_batches(everywhere=True)
    wide = torch.randn(N, 8 + rank)
    everywhere.planner.bank.update(range(N), torch.randn(N, 4, generator=torch.Generator().manual_seed(rank)))
    everywhere.planner.warmup_epochs = 0
    return {
        "other settings": failing(lambda: make_batches(seed=rank)),
        "other places": failing(lambda: DistributedBatches(loaded(3 + rank))),
        "no multiple": failing(lambda: DistributedBatches(RandomWalkBatchSampler(N, 31))),
        "other widths": failing(lambda: batches.update(index, wide[index])),
        "other numbers": failing(lambda: batches.update(index[: 9 + rank], wide[index[: 9 + rank], :8])),
        "other plans": failing(lambda: next(iter(everywhere))),
        "state of a follower": failing(lambda: batches.load_state_dict({"shared": {"planner": None}, "config": {}})),
    }
