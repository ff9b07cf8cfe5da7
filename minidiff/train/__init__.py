"""Training: one loop, its checkpoints, and the command `python -m minidiff.train CONFIG`."""

from .checkpoint import FORMAT
from .importance import ImportanceTimes
from .loop import Run, Training, train
from .run import Outcome, run_config

__all__ = ["FORMAT", "ImportanceTimes", "Outcome", "Run", "Training", "run_config", "train"]
