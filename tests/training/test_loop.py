"""The training loop: history, exact resume, kills, interrupts, bad checkpoints.

Run as a program, ``python test_training.py CHECKPOINT`` trains until it is killed.
"""

import math
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from toolkit import KNNBatchSampler, RandomWalkBatchSampler, UniformBatchSampler
from toolkit.datasets.vision import Images, ImageViews
from toolkit.evaluation import knn_probe
from toolkit.metrics import batch_hardness, coverage, false_negative_rate
from toolkit.models import MoCoV3, SimCLR
from toolkit.models.moco import CosineMomentum
from toolkit.training import train
from toolkit.training.checkpoint import FORMAT
from toolkit.training.history import COLUMNS

N, BATCH = 60, 8
WALK = {"n_candidates": 20, "n_neighbors": 5, "refresh_every": 3}
SAMPLERS = {
    "uniform": lambda: UniformBatchSampler(N, BATCH),
    "uniform, whole epoch": lambda: UniformBatchSampler(N, BATCH, drop_last=False),
    "walk, independent": lambda: RandomWalkBatchSampler(N, BATCH, **WALK),
    "walk, background": lambda: RandomWalkBatchSampler(N, BATCH, refresh="background", **WALK),
    "walk, partition": lambda: RandomWalkBatchSampler(N, BATCH, coverage="partition", **WALK),
    "knn": lambda: KNNBatchSampler(N, BATCH, refresh_every=3),
}


class FlatEncoder(nn.Module):
    n_features = 16

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(64, self.n_features)

    def forward(self, images):
        return self.linear(images.flatten(1))


def noisy(images):
    """Augment with the global generator, whose state a resume must restore."""
    return images.float() / 255 + 0.2 * torch.randn(images.shape)


def make_data(n=N):
    """Four classes of images, each around a picture of its own."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 4
    pixels = rng.integers(0, 180, (4, 1, 8, 8))[labels] + rng.integers(0, 70, (n, 1, 8, 8))
    return ImageViews(Images(torch.from_numpy(pixels.astype(np.uint8)), labels), noisy)


def make_model(seed=0, projection_dim=8):
    torch.manual_seed(seed)
    return SimCLR(FlatEncoder(), projection_dim=projection_dim, temperature=0.2)


DATA = make_data()


def run(steps, sampler="uniform", seed=0, model=None, **settings):
    """Train a new model (or `model`) for some steps; return the history and the model."""
    model = model or make_model(seed)
    sampler = SAMPLERS[sampler]() if isinstance(sampler, str) else sampler
    settings = {"labels": DATA.labels, "progress": False} | settings
    return train(model, DATA, sampler, steps, **settings), model


def assert_same_course(first, second):
    """Assert that two runs, each (history, model), took the same steps to the same parameters."""
    for name in ("epoch", "loss", "hardness"):
        assert first[0].columns[name] == second[0].columns[name], name
    for name in ("false_negative_rate", "coverage"):
        assert first[0].columns[name] == pytest.approx(second[0].columns[name]), name
    for name, value in first[1].state_dict().items():
        assert torch.equal(value, second[1].state_dict()[name]), name


def snapshot(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def assert_unchanged(model, before):
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


class Interrupting:
    """A data set that gets Ctrl-C while it loads some batches, counted from 1."""

    def __init__(self, *when, times=1):
        self.when, self.times, self.count = when, times, 0

    def __len__(self):
        return len(DATA)

    def __getitems__(self, indices):
        self.count += 1
        if self.count in self.when:
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)
        return DATA.__getitems__(indices)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Tiny matrices gain nothing from threads, which wait for each other on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# History


def test_history_has_one_row_per_step():
    history, _ = run(11)
    assert len(history) == 11
    assert list(history.columns) == list(COLUMNS)
    assert {len(values) for values in history.columns.values()} == {11}
    assert history.columns["epoch"] == [0] * 7 + [1] * 4
    assert not history.interrupted
    frame = history.to_frame()
    assert frame.index.tolist() == list(range(1, 12))
    assert frame.columns.tolist() == list(COLUMNS)
    loss = history.columns["loss"]
    assert repr(history) == f"History(steps=11, loss={loss[-1]:.3f})"
    assert all(map(math.isfinite, loss))


def test_history_is_that_of_the_metrics_module():
    batches, embeddings = [], []
    model = make_model()
    model.register_forward_hook(lambda module, views, output: embeddings.append(output[1]))

    class Recording(ImageViews):
        def __getitems__(self, indices):
            batches.append(indices)
            return super().__getitems__(indices)

    sampler = SAMPLERS["walk, independent"]()
    data = Recording(DATA.images, noisy)
    columns = train(model, data, sampler, 20, labels=DATA.labels, progress=False).columns
    hardness = [batch_hardness([range(BATCH)], vectors).mean for vectors in embeddings]
    assert columns["hardness"] == pytest.approx(hardness, abs=1e-5)
    assert columns["false_negative_rate"] == pytest.approx(false_negative_rate(batches, DATA.labels).per_batch)
    window = len(sampler)
    shares = [coverage(batches[max(0, i - window) : i], N).share for i in range(1, 21)]
    assert columns["coverage"] == pytest.approx(shares)


def test_false_negatives_need_labels():
    columns = run(2, labels=None)[0].columns
    assert all(map(math.isnan, columns["false_negative_rate"]))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_sampler_time_is_a_part_of_the_step_time(sampler):
    history, _ = run(20, sampler)
    for part, whole in zip(history.columns["sampler_seconds"], history.columns["seconds"], strict=True):
        assert 0 < part < whole
    assert 0 < history.sampler_share < 1


def test_sampler_time_counts_the_sampler_only():
    class Slow(UniformBatchSampler):
        def _plan(self):
            time.sleep(0.02)
            super()._plan()

    slow = run(4, Slow(N, BATCH))[0].columns
    assert min(slow["sampler_seconds"]) >= 0.02
    fast = run(4, probe=lambda model: time.sleep(0.05) or 0.0, probe_every=1)[0].columns
    assert np.median(fast["sampler_seconds"]) < 0.02


def test_loss_falls():
    loss = run(60)[0].columns["loss"]
    assert np.mean(loss[-10:]) < 0.8 * np.mean(loss[:5])


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_model_learns_from_any_sampler(sampler):
    model = make_model()
    views = [noisy(DATA.images.pixels) for _ in range(2)]
    before = model(*views)[0].item()
    run(60, sampler, model=model)
    assert model(*views)[0].item() < 0.9 * before


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_equal_seeds_give_equal_histories(sampler):
    first = run(20, sampler)
    assert_same_course(first, run(20, sampler))
    other, _ = run(20, sampler, seed=1)
    assert other.columns["loss"] != first[0].columns["loss"]


def test_optimizer_is_used():
    model = make_model()
    run(3, model=model, optimizer=torch.optim.SGD(model.parameters(), lr=0.0))
    for name, value in make_model().named_parameters():
        assert torch.equal(dict(model.named_parameters())[name], value), name


def only_in_workers(images):
    assert torch.utils.data.get_worker_info() is not None
    return noisy(images)


def test_workers_load_the_data():
    plain, _ = run(15)
    data = ImageViews(DATA.images, only_in_workers)
    settings = {"labels": DATA.labels, "num_workers": 2, "progress": False}
    loaded = train(make_model(), data, SAMPLERS["uniform"](), 15, **settings)
    assert len(loaded) == 15
    for name in ("false_negative_rate", "coverage", "epoch"):
        assert loaded.columns[name] == plain.columns[name], f"the same batches have the same {name}"


def test_progress_can_be_shown_and_hidden(capsys):
    run(2)
    assert capsys.readouterr().err == ""
    run(2, progress=True)
    assert "2/2" in capsys.readouterr().err


# Probes


def test_probe_is_called_at_the_right_steps():
    calls = []
    history, model = run(10, probe=lambda probed: calls.append(probed) or len(calls) / 10, probe_every=4)
    assert history.probes == [(4, 0.1), (8, 0.2), (10, 0.3)]
    assert all(probed is model for probed in calls)


def test_probe_does_not_change_the_course():
    plain = run(20, "walk, independent")
    probed = run(
        20, "walk, independent", probe=lambda model: knn_probe(model, DATA.images, DATA.images, k=5), probe_every=3
    )
    assert_same_course(plain, probed)
    assert [step for step, _ in probed[0].probes] == [3, 6, 9, 12, 15, 18, 20]


def test_probe_may_leave_the_model_in_eval_mode():
    modes = []
    model = make_model()
    model.register_forward_pre_hook(lambda module, views: modes.append(module.training))
    run(4, model=model, probe=lambda model: float(model.eval() is None), probe_every=1)
    assert modes == [True] * 4


@pytest.mark.parametrize("value", [np.float64(0.5), np.float32(0.5), torch.tensor(0.5), 0.5, 1])
def test_probe_values_of_any_kind_survive_a_checkpoint(tmp_path, value):
    path = tmp_path / "run.pt"
    run(4, checkpoint=path, probe=lambda model: value, probe_every=2)
    history, _ = run(6, checkpoint=path, probe=lambda model: value, probe_every=2)
    assert history.probes == [(2, value), (4, value), (6, value)]


# Resume


@pytest.mark.parametrize("at_end", [False, True], ids=["mid-epoch", "end of epoch"])
@pytest.mark.parametrize("kind", SAMPLERS)
def test_resume_is_exact(kind, at_end, tmp_path):
    half = 2 * len(SAMPLERS[kind]()) + (0 if at_end else 4)
    path = tmp_path / "run.pt"
    whole = run(2 * half, kind)
    first, _ = run(half, kind, checkpoint=path)
    assert len(first) == half
    sampler = SAMPLERS[kind]()
    second = run(2 * half, sampler, seed=99, checkpoint=path)
    assert_same_course(second, whole)
    assert second[0].columns["seconds"][:half] == pytest.approx(first.columns["seconds"])
    if "uniform" not in kind:
        assert sampler.state_dict()["builds"] > 2, "the index is rebuilt before and after"


def test_resume_of_moco_is_exact(tmp_path):
    def moco(seed):
        torch.manual_seed(seed)
        return MoCoV3(FlatEncoder(), projection_dim=8, hidden_dim=16, momentum=CosineMomentum(0.9, 30))

    path = tmp_path / "run.pt"
    whole = run(24, "walk, independent", model=moco(0))
    run(11, "walk, independent", model=moco(0), checkpoint=path)
    # The seed of the model to resume does not matter: augmentation too goes on from the checkpoint.
    second = run(24, "walk, independent", model=moco(99), checkpoint=path)
    assert_same_course(second, whole)
    assert second[1].step == 24


def test_resume_goes_on_from_the_last_checkpoint(tmp_path):
    path = tmp_path / "deep" / "folder" / "run.pt"
    run(10, checkpoint=path, checkpoint_every=4)
    assert len(run(10, seed=99, checkpoint=path)[0]) == 10
    steps = []
    history, _ = run(12, seed=99, checkpoint=path, probe=lambda model: steps.append(1) or 0.0, probe_every=1)
    assert len(steps) == 2
    assert [step for step, _ in history.probes] == [11, 12]


def test_checkpoints_are_written_every_so_often(tmp_path):
    path = tmp_path / "run.pt"
    seen = []

    def steps_stored(model):
        seen.append(len(torch.load(path, weights_only=True)["columns"]["loss"]) if path.exists() else 0)
        return 0.0

    run(8, checkpoint=path, checkpoint_every=3, probe=steps_stored, probe_every=1)
    assert seen == [0, 0, 0, 3, 3, 3, 6, 6]
    assert steps_stored(None) == 0.0
    assert seen[-1] == 8
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]


def test_history_survives_a_checkpoint_to_the_last_digit(tmp_path):
    path = tmp_path / "run.pt"
    first, _ = run(9, checkpoint=path, probe=lambda model: 1 / 3, probe_every=4)
    second, _ = run(9, checkpoint=path)
    assert second.columns == first.columns
    assert second.probes == first.probes
    assert [type(value) for value in second.columns["epoch"]] == [int] * 9


def test_finished_run_is_returned_as_it_was(tmp_path):
    path = tmp_path / "run.pt"
    first = run(6, checkpoint=path)
    before = path.read_bytes()
    assert_same_course(run(6, seed=99, checkpoint=path), first)
    assert path.read_bytes() == before


def test_numpy_settings_of_a_sampler_survive_a_checkpoint(tmp_path):
    path = tmp_path / "run.pt"

    def sampler():
        settings = {"n_candidates": np.int64(20), "n_neighbors": np.int64(5), "restart": np.float64(0.2)}
        return RandomWalkBatchSampler(np.int64(N), np.int64(BATCH), seed=np.int64(0), **settings)

    run(4, sampler(), checkpoint=path)
    assert len(run(6, sampler(), checkpoint=path)[0]) == 6


def test_resume_works_with_workers(tmp_path):
    path = tmp_path / "run.pt"
    run(5, checkpoint=path, num_workers=1)
    assert len(run(12, checkpoint=path, num_workers=1)[0]) == 12


# Kills


def wait_for_change(path, before, process, seconds=60):
    """Wait until another file is at `path` than the one of modification time `before`."""
    deadline = time.monotonic() + seconds
    while not path.exists() or path.stat().st_mtime_ns == before:
        assert process.poll() is None, "the training ended by itself"
        assert time.monotonic() < deadline, "no checkpoint in time"
        time.sleep(0.001)


def test_killed_runs_lose_no_more_than_a_step(tmp_path):
    path = tmp_path / "run.pt"
    done = 0
    for delay in (0, 0.003, 0.02, 0.1):
        before = path.stat().st_mtime_ns if path.exists() else None
        process = subprocess.Popen([sys.executable, __file__, str(path)])
        try:
            wait_for_change(path, before, process)
            time.sleep(delay)
        finally:
            process.kill()
        assert process.wait() == -signal.SIGKILL
        steps = len(torch.load(path, weights_only=True)["columns"]["loss"])
        assert steps > done, "each run goes on from the one before"
        done = steps
    resumed = run(done + 5, "walk, partition", seed=99, checkpoint=path)
    assert_same_course(resumed, run(done + 5, "walk, partition"))


def test_crash_while_writing_keeps_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    run(4, checkpoint=path)
    before = path.read_bytes()
    save = torch.save

    def torn(state, file):
        save(state, file)
        file.truncate(100)
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", torn)
        with pytest.raises(OSError, match="disk full"):
            run(6, checkpoint=path)
    assert path.read_bytes() == before
    assert len(run(6, checkpoint=path)[0]) == 6


# Interrupts


def test_interrupt_ends_after_the_step_and_goes_on_later(tmp_path):
    path = tmp_path / "run.pt"
    whole = run(20, "walk, independent")
    handler = signal.getsignal(signal.SIGINT)
    model = make_model()
    before = snapshot(model)
    sampler = SAMPLERS["walk, independent"]()
    settings = {"labels": DATA.labels, "progress": False, "checkpoint": path}
    history = train(model, Interrupting(12), sampler, 20, **settings)
    assert signal.getsignal(signal.SIGINT) is handler
    assert history.interrupted
    assert len(history) == 12
    assert repr(history).endswith("interrupted=True)")
    assert not torch.equal(model.encoder.linear.weight, before["encoder.linear.weight"]), "the model is trained"
    resumed = run(20, "walk, independent", seed=99, checkpoint=path)
    assert_same_course(resumed, whole)
    assert not resumed[0].interrupted


@pytest.mark.parametrize("sampler", ["uniform", "walk, partition"])
@pytest.mark.parametrize("past_epoch", [0, 3], ids=["last step of an epoch", "mid-epoch"])
def test_interrupt_during_the_probe_is_stored_too(tmp_path, sampler, past_epoch):
    path = tmp_path / "run.pt"
    when = len(SAMPLERS[sampler]()) + past_epoch
    calls = []

    def probe(model):
        calls.append(model)
        if len(calls) == 1:
            signal.raise_signal(signal.SIGINT)
        return 0.0

    settings = {"checkpoint": path, "checkpoint_every": 1000}
    history, _ = run(40, sampler, probe=probe, probe_every=when, **settings)
    assert history.interrupted
    assert when <= len(history) <= when + 1
    assert path.exists(), "an interrupt loses nothing"
    assert_same_course(run(40, sampler, seed=99, **settings), run(40, sampler))


def test_second_interrupt_stops_at_once(tmp_path):
    path = tmp_path / "run.pt"
    handler = signal.getsignal(signal.SIGINT)
    settings = {"progress": False, "checkpoint": path, "checkpoint_every": 1}
    with pytest.raises(KeyboardInterrupt):
        train(make_model(), Interrupting(6, times=2), SAMPLERS["uniform"](), 20, **settings)
    assert signal.getsignal(signal.SIGINT) is handler
    assert len(torch.load(path, weights_only=True)["columns"]["loss"]) == 5


def test_interrupt_in_the_last_step_changes_nothing():
    history = train(make_model(), Interrupting(5), SAMPLERS["uniform"](), 5, progress=False)
    assert len(history) == 5
    assert not history.interrupted


def test_training_in_a_thread_works():
    found = []
    thread = threading.Thread(target=lambda: found.append(run(3)[0]))
    thread.start()
    thread.join(60)
    assert len(found[0]) == 3


# Checkpoints that are not of this run


def random_bytes(path):
    path.write_bytes(np.random.default_rng(0).bytes(5000))


def cut_short(path):
    run(4, checkpoint=path)
    path.write_bytes(path.read_bytes()[:-200])


def write_torch(content):
    return lambda path: torch.save(content, path)


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "random bytes": random_bytes,
    "cut short": cut_short,
    "text": lambda path: path.write_text("epoch,loss\n1,0.5\n"),
    "pickle with broken text": lambda path: path.write_bytes(b"\x80\x02X\x01\x00\x00\x00\xff."),
    "pickle cut in a number": lambda path: path.write_bytes(b"\x80\x02J\x00"),
    "state dict": lambda path: torch.save(make_model().state_dict(), path),
    "whole model": lambda path: torch.save(make_model(), path),
    "tensor": write_torch(torch.zeros(3)),
    "list": write_torch([1, 2]),
    "number": write_torch(1),
    "other format": write_torch({"format": "batchsampler-toolkit 0"}),
    "nothing but the format": write_torch({"format": FORMAT}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_checkpoint_is_refused(damage, tmp_path):
    path = tmp_path / "run.pt"
    DAMAGES[damage](path)
    model = make_model(seed=7)
    before = snapshot(model)
    with pytest.raises(ValueError, match=r"damaged or not of this toolkit.*delete it .*another path") as error:
        run(6, model=model, checkpoint=path)
    assert str(path) in str(error.value)
    assert_unchanged(model, before)


def walk(**changed):
    return RandomWalkBatchSampler(N, **{"batch_size": BATCH, **WALK, **changed})


@pytest.mark.parametrize(
    ("sampler", "name"),
    [
        (UniformBatchSampler(N, BATCH), "sampler"),
        (KNNBatchSampler(N, BATCH, refresh_every=3), "sampler"),
        (walk(batch_size=10), "batch_size"),
        (walk(seed=1), "seed"),
        (walk(n_neighbors=6), "n_neighbors"),
        (walk(n_candidates=21), "n_candidates"),
        (walk(restart=0.3), "restart"),
        (walk(refresh_every=4), "refresh_every"),
        (walk(warmup_epochs=2), "warmup_epochs"),
        (walk(coverage="partition", drop_last=True), "coverage"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_checkpoint_of_another_sampler_is_refused(sampler, name, tmp_path):
    path = tmp_path / "run.pt"
    run(4, walk(), checkpoint=path)
    model = make_model(seed=7)
    before, state = snapshot(model), repr(sampler.state_dict())
    with pytest.raises(ValueError, match=f"another run: .* its {name} is .*delete it .*another path") as error:
        run(6, sampler, model=model, checkpoint=path)
    assert str(path) in str(error.value)
    assert_unchanged(model, before)
    assert repr(sampler.state_dict()) == state


def test_checkpoint_of_another_data_set_is_refused(tmp_path):
    path = tmp_path / "run.pt"
    run(4, checkpoint=path)
    with pytest.raises(ValueError, match="its n is 60, this one's 40"):
        train(make_model(), make_data(40), UniformBatchSampler(40, BATCH), 6, checkpoint=path, progress=False)


@pytest.mark.parametrize("with_head", [True, False], ids=["other width", "missing layers"])
def test_checkpoint_of_another_model_is_refused(tmp_path, with_head):
    path = tmp_path / "run.pt"
    run(4, checkpoint=path)
    model = make_model(seed=7, projection_dim=9)
    if not with_head:
        model.head.append(nn.Linear(9, 8))
    before = snapshot(model)
    with pytest.raises(
        ValueError, match=r"another model: its head.* is .*this one's .*delete it .*another path"
    ) as error:
        run(6, model=model, checkpoint=path)
    assert str(path) in str(error.value)
    assert_unchanged(model, before)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda model: torch.optim.SGD(model.parameters(), lr=0.1),
        lambda model: torch.optim.Adam(model.head.parameters()),
        lambda model: torch.optim.Adam([{"params": part.parameters()} for part in (model.encoder, model.head)]),
    ],
    ids=["other kind", "fewer parameters", "other groups"],
)
def test_checkpoint_of_another_optimizer_is_refused(optimizer, tmp_path):
    path = tmp_path / "run.pt"
    run(4, checkpoint=path)
    model = make_model(seed=7)
    before = snapshot(model)
    with pytest.raises(ValueError, match=r"another (run|optimizer).*delete it .*another path") as error:
        run(6, model=model, optimizer=optimizer(model), checkpoint=path)
    assert str(path) in str(error.value)
    assert_unchanged(model, before)


def test_checkpoint_must_not_be_a_folder(tmp_path):
    with pytest.raises(ValueError, match="checkpoint must be a file, got the folder") as error:
        run(2, checkpoint=tmp_path)
    assert str(tmp_path) in str(error.value)


# Arguments


@pytest.mark.parametrize(
    ("changed", "exception", "message"),
    [
        ({"sampler": UniformBatchSampler(N + 1, BATCH)}, ValueError, "sampler is for 61 instances, .*data set has 60"),
        ({"sampler": [[0, 1], [2, 3]]}, TypeError, "sampler must be .*got list"),
        ({"sampler": torch.utils.data.SequentialSampler(DATA)}, TypeError, "got SequentialSampler"),
        ({"steps": 0}, ValueError, "steps must be at least 1, got 0"),
        ({"steps": 2.5}, TypeError, "steps must be an integer at least 1, got 2.5"),
        ({"steps": True}, TypeError, "steps must be an integer"),
        ({"checkpoint_every": 0}, ValueError, "checkpoint_every must be at least 1, got 0"),
        ({"probe_every": -3}, ValueError, "probe_every must be at least 1, got -3"),
        ({"labels": [0, 1, 2]}, ValueError, r"labels must have shape \(60,\)"),
    ],
)
def test_bad_arguments_are_named_before_any_work(changed, exception, message):
    model = make_model()
    before = snapshot(model)
    arguments = {"sampler": SAMPLERS["uniform"](), "steps": 3, "labels": DATA.labels} | changed
    with pytest.raises(exception, match=message):
        train(model, DATA, progress=False, **arguments)
    assert_unchanged(model, before)


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(20_000, "walk, partition", checkpoint=Path(sys.argv[1]), checkpoint_every=1)
