"""One training loop for all models, comparisons of samplers that use it, and a monitor for your own loops."""

from toolkit.training.comparison import Comparison, compare
from toolkit.training.history import History
from toolkit.training.loop import DivergedError, train
from toolkit.training.monitor import BatchMonitor
from toolkit.training.schedules import warmup_cosine
from toolkit.training.task import Task

__all__ = ["BatchMonitor", "Comparison", "DivergedError", "History", "Task", "compare", "train", "warmup_cosine"]
