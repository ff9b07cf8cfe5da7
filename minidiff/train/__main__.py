"""The command: python -m minidiff.train CONFIG"""

import argparse
import sys

from .config import load
from .run import name_of, run_config, step_of


def main(arguments=None):
    """Run the command; returns its exit code: 0, 2 for wrong input, 130 after Ctrl-C."""
    given = parser().parse_args(arguments)
    folder = given.folder
    try:
        config = load(given.config)
        folder = folder or f"runs/{name_of(config)}"
        if given.speed:
            return measure(config, given)
        run_config(config, folder, given.device, given.steps, resume=not given.fresh)
    except KeyboardInterrupt:
        step = 0 if given.speed else step_of(f"{folder}/checkpoint.safetensors")
        kept = f" {folder} keeps the run up to step {step}; the same command goes on from there"
        print(f"\nstopped.{kept if step else ''}", file=sys.stderr)
        return 130
    except (ValueError, TypeError, FloatingPointError, ImportError, OSError) as error:
        words = str(error).replace("resume=False", "--fresh")  # its name on the command line
        print(f"minidiff.train: {words}", file=sys.stderr)
        return 2
    except (RuntimeError, MemoryError) as error:
        words = f"{type(error).__name__}: {error}".partition("\n")[0]
        if "memory" not in words.lower():
            raise
        print("minidiff.train: not enough memory; try a smaller batch, width or process.steps "
              f"({words})", file=sys.stderr)
        return 2
    return 0


def measure(config, given):
    """--speed: the table of images per second instead of a run."""
    from .run import device_named
    from .speed import report

    report(config, device_named(given.device), None if given.speed is True else given.speed)
    return 0


def parser():
    """The arguments of the command."""
    words = argparse.ArgumentParser(prog="python -m minidiff.train", description=__doc__)
    words.add_argument("config", help="a TOML file, or the name of a shipped one, like digits8")
    words.add_argument("--folder", help="where to write (runs/NAME)")
    words.add_argument("--device", help='like "cuda:0" or "cpu" (CUDA where there is one)')
    words.add_argument("--steps", type=int, help="other than the config's")
    words.add_argument("--fresh", action="store_true", help="start again over what is there")
    words.add_argument("--speed", nargs="?", const=True, metavar="FILE.json",
                       help="only measure how fast training steps are here, and store the table")
    return words


def part():
    """Let the processes of one run part in order; left to chance, one may die at the door."""
    import torch.distributed as group

    if group.is_available() and group.is_initialized():
        group.destroy_process_group()


if __name__ == "__main__":
    code = main()
    part()
    sys.exit(code)
