"""What every grid promises."""
import laws
import pytest
import torch
from cases import CHAINS, GRIDS, LADDERS, PROCESSES, close

from minidiff import EDM, NCSN, VP, grids

every_process = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
every_grid = pytest.mark.parametrize("make", GRIDS.values(), ids=GRIDS)


@every_process
@every_grid
@pytest.mark.parametrize("steps", [1, 2, 3, 20])
@pytest.mark.parametrize("start, end", [(1.0, 0.0), (0.8, 0.0), (1.0, 0.3), (0.9, 1e-3), (5e-4, 0.0)])
def test_a_grid_falls_from_start_to_end(process, make, steps, start, end):
    grid = make(process, steps, start, end)
    assert grid.shape == (steps + 1,) and grid.dtype == torch.float64
    assert grid[0] == start and grid[-1] == end
    assert (grid.diff() < 0).all()
    assert torch.equal(grid, make(process, steps, start, end))


@every_process
def test_log_snr_steps_are_equal_in_log_snr(process):
    steps = process.log_snr(grids.log_snr(process, 12)[:-1]).diff()
    close(steps, steps.mean().expand(11), rtol=1e-5)
    close(process.log_snr(grids.log_snr(process, 7, end=0.2)).diff().std(), 0.0, atol=1e-6)
    assert grids.log_snr(process, 12)[-2] == process.t_min


@every_process
def test_softplus_steps(process):
    laws.softplus_grid_is_between_level_and_log_snr(grids.softplus, process)


def test_softplus_refuses_a_scale_of_zero():
    with pytest.raises(ValueError, match="scale must lie in"):
        grids.softplus(VP(), 5, scale=0)


def test_karras_grid_is_the_papers():
    """Karras et al. 2022, Eq. (5), with the paper's sigma_min, sigma_max and rho."""
    i = torch.arange(18, dtype=torch.float64)
    sigmas = (80 ** (1 / 7) + i / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    grid = grids.karras(EDM(), 18)
    close(80 * grid[:-1], sigmas, rtol=1e-8)
    assert grid[-1] == 0


def test_uniform_and_quadratic():
    close(grids.uniform(4), [1, 0.75, 0.5, 0.25, 0])
    close(grids.quadratic(4), [1, 0.5625, 0.25, 0.0625, 0])


def test_trailing_counts_from_the_noisy_end():
    chain = CHAINS["DDPM.linear"]
    close(grids.trailing(chain, 4), [1, 0.75, 0.5, 0.25, 0])
    assert torch.equal(grids.trailing(chain, 100), chain.grid())
    with pytest.raises(ValueError, match="steps must divide the chain's 100 steps, got 7"):
        grids.trailing(chain, 7)


@every_grid
def test_a_whole_float_is_a_step_count(make):
    assert torch.equal(make(VP(), 4.0), make(VP(), 4))
    assert torch.equal(grids.trailing(CHAINS["DDPM.linear"], 4.0), grids.trailing(CHAINS["DDPM.linear"], 4))


def test_grids_of_a_ladder():
    assert grids.log_snr(NCSN([0.5]), 3)[-1] == 0
    ladder = LADDERS["NCSN.geometric"]                              # geometric levels are equal steps in log SNR
    close(grids.log_snr(ladder, 25), ladder.grid(), atol=1e-9)
