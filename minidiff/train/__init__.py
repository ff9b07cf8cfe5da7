"""Training: one loop, its checkpoints, and the command `python -m minidiff.train CONFIG`."""

from .checkpoint import FORMAT
from .loop import Run, Training, train
from .run import Outcome, run_config

__all__ = ["FORMAT", "Outcome", "Run", "Training", "run_config", "train"]
