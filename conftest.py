"""Settings shared by all tests and by the notebooks that nbval runs."""

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two workers with two threads each are three times slower


def _has_gpu():
    if os.environ.get("MINIDIFF_GPU"):
        return True
    import torch

    return torch.cuda.is_available()


def _needs_gpu(item):
    tags = getattr(getattr(item, "cell", None), "metadata", {}).get("tags", [])
    return "gpu" in tags or item.get_closest_marker("gpu") is not None


def pytest_collection_modifyitems(items):
    """Skip what needs a GPU: test functions marked `gpu`, notebook cells tagged `gpu`."""
    waiting = [item for item in items if _needs_gpu(item)]
    if waiting and not _has_gpu():
        for item in waiting:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))
