"""One training loop for all models, and comparisons of samplers made with it."""

from toolkit.training.comparison import Comparison, compare
from toolkit.training.history import History
from toolkit.training.loop import DivergedError, train
from toolkit.training.schedules import warmup_cosine
from toolkit.training.task import Task

__all__ = ["Comparison", "DivergedError", "History", "Task", "compare", "train", "warmup_cosine"]
