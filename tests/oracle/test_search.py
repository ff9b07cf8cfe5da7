"""Searched schedules and samplers: against all paths, the bound itself, the plain gradient and DDIM."""
import laws
import pytest
import torch
from cases import BUMPS, PROCESSES, close, column, gen

from minidiff import VP, DDPM, Denoiser, exact, grids, likelihood, losses, samplers

every_process = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)


# ------------------------------------------------------------------------------------------- the shortest path


def test_no_path_is_cheaper():
    laws.shortest_is_brute_force(grids.shortest)


def test_a_path_keeps_its_ends_and_its_count():
    costs = torch.rand(40, 40, generator=gen(), dtype=torch.float64)
    for steps in (1, 2, 7, 39):
        path = grids.shortest(costs, steps)
        assert path.shape == (steps + 1,) and path[0] == 0 and path[-1] == 39 and (path.diff() > 0).all()


def test_what_is_not_a_step_is_not_read():
    costs = torch.ones(4, 4, dtype=torch.float64)
    costs[1, 0] = costs[2, 2] = torch.nan                           # backwards, and in place
    costs[0, 2] = torch.inf
    assert grids.shortest(costs, 2).tolist() == [0, 1, 3]
    assert grids.shortest(costs.tolist(), 3.0).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("error, words, call", [
    (ValueError, ["steps", "at most 2", "3"], lambda: grids.shortest(torch.ones(3, 3), 3)),
    (ValueError, ["steps", "finite price"], lambda: grids.shortest(torch.full((3, 3), torch.inf), 2)),
    (ValueError, ["steps", "at least 1", "0"], lambda: grids.shortest(torch.ones(3, 3), 0)),
    (ValueError, ["costs", "(N, N)", "(3, 2)"], lambda: grids.shortest(torch.ones(3, 2), 1)),
    (ValueError, ["costs", "(N, N)", "(1, 1)"], lambda: grids.shortest([[0.0]], 1)),
    (ValueError, ["costs", "NaN", "(0, 1)"], lambda: grids.shortest(torch.full((2, 2), torch.nan), 1)),
    (TypeError, ["costs", "'table'"], lambda: grids.shortest("table", 1)),
    (ValueError, ["square", "3 times", "2"], lambda: likelihood.pair_costs(VP(), [1.0, 0.5, 0.0], [1.0, 1.0])),
    (ValueError, ["variance", "'tilde'"], lambda: likelihood.pair_costs(VP(), [1.0, 0.5], [1.0, 1.0], variance="tilde")),
    (ValueError, ["times", "fall"], lambda: likelihood.pair_costs(VP(), [0.5, 1.0], [1.0, 1.0])),
    (TypeError, ["process", "GaussianProcess"], lambda: likelihood.pair_costs(None, [1.0, 0.5], [1.0, 1.0])),
    (ValueError, ["dims", "at least 1", "0"], lambda: likelihood.pair_costs(VP(), [1.0, 0.5], [1.0, 1.0], 0)),
])
def test_wrong_input(error, words, call):
    with pytest.raises(error) as caught:
        call()
    assert all(word in str(caught.value) for word in words), str(caught.value)


# ------------------------------------------------------------------------------------------- the price of a step


@every_process
def test_pair_costs_are_divergences(process):
    laws.pair_costs_are_kl(likelihood.pair_costs, process)


@pytest.mark.parametrize("variance", ["posterior", "beta"])
def test_pair_costs_add_up_to_the_bound(variance):
    """Along a grid they sum to what vlb_terms draws, in two dimensions, within five standard errors."""
    process, target, grid = VP(), exact.ring(), grids.log_snr(VP(), 6)
    model, x0 = target.denoiser(process), target.sample(20000, gen(1), torch.float64)
    square = [0.0] * len(grid)
    for i, t in enumerate(grid[:-1].tolist()):
        xt = process.perturb(x0, t, torch.randn(x0.shape, generator=gen(2), dtype=x0.dtype))
        square[i] = model.posterior_variance(xt, t).sum(1).mean().item()
    costs = likelihood.pair_costs(process, grid, square, 2, variance=variance)
    terms = likelihood.vlb_terms(model, x0, grid, variance=variance, generator=gen(3))
    drawn = torch.cat([terms.diffusion, terms.reconstruction[:, None]], 1)
    assert ((costs.diagonal(1) - drawn.mean(0)).abs() < 7 * drawn.std(0) / len(drawn) ** 0.5).all()


def gaussian_costs(process, times, data_std=0.5, variance="posterior"):
    """The table for N(0, data_std^2) data, whose errors are a formula; times above 0."""
    square = [data_std**2 / (1 + process.snr(t) * data_std**2) for t in times.tolist()]
    return likelihood.pair_costs(process, times, square, variance=variance)


def test_searched_grids_are_never_worse():
    """Than a fixed grid of as many steps, than fewer steps; with all steps the path is the whole table."""
    chain = DDPM.linear(60)
    times = chain.grid()[:-1]
    costs, last = gaussian_costs(chain, times), torch.inf
    for steps in (1, 2, 3, 5, 10, 20, 59):
        path = grids.shortest(costs, steps)
        total = costs[path[:-1], path[1:]].sum().item()
        fixed = torch.linspace(0, 59, steps + 1).round().long()
        assert total <= costs[fixed[:-1], fixed[1:]].sum() + 1e-12 and total <= last + 1e-12
        last = total
    assert path.tolist() == list(range(60))
    close(total, costs.diagonal(1).sum())


def test_a_searched_grid_is_a_grid():
    times = DDPM.linear(50).grid()
    path = grids.shortest(likelihood.pair_costs(VP(), times, torch.ones(51)), 6)
    assert torch.isfinite(samplers.ancestral(BUMPS.denoiser(VP()), column(0.3), times[path], generator=gen())).all()


# ------------------------------------------------------------------------------------------- kernel distance


def test_kernel_distance():
    laws.kernel_distance_is_a_double_sum(losses.kernel_distance)


def test_kernel_distance_has_a_gradient():
    x, y = (torch.randn(n, 2, generator=gen(n), dtype=torch.float64) for n in (6, 9))
    x.requires_grad_()
    slope = torch.autograd.grad(losses.kernel_distance(x, y), x)[0]
    step = torch.zeros_like(x)
    step[2, 1] = 1e-6
    with torch.no_grad():
        rise = losses.kernel_distance(x + step, y) - losses.kernel_distance(x - step, y)
    close(slope[2, 1], rise / 2e-6, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("a, b, words", [(torch.ones(1, 2), torch.ones(3, 2), ["a ", "at least 2"]),
                                         (torch.ones(3, 2), torch.ones(3), ["b ", "(n, *shape)"]),
                                         (torch.ones(3, 2), torch.ones(3, 3), ["same numbers", "2 and 3"])])
def test_kernel_distance_refuses(a, b, words):
    with pytest.raises(ValueError) as caught:
        losses.kernel_distance(a, b)
    assert all(word in str(caught.value) for word in words)


# ------------------------------------------------------------------------------------------- the searched sampler


@every_process
def test_it_starts_as_ddim(process):
    laws.searched_starts_as_ddim(samplers.Searched, process)


def test_recomputing_keeps_the_gradient():
    laws.recomputing_keeps_the_gradient(samplers.Searched)


@pytest.mark.parametrize("name", ["widths", "etas", "keeps", "pulls"])
def test_the_gradient_is_the_slope(name):
    """By central differences in each of the learned numbers, with the same noise; a network as the model."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(2, 2).double()
    model = Denoiser(lambda x, t: torch.tanh(layer(x) * (1 + t)), VP(), predicts="v")
    sampler, x = samplers.Searched(grids.uniform(4, end=0.05), 0.4), torch.randn(5, 2, generator=gen(1), dtype=torch.float64)

    def value():
        return sampler(model, x, generator=gen(2)).sin().sum()

    parameter = getattr(sampler, name)
    slope = torch.autograd.grad(value(), parameter)[0]
    for i in range(4):
        ends = []
        for shift in (1e-6, -1e-6):
            with torch.no_grad():
                parameter[i] += shift
                ends.append(value().item())
                parameter[i] -= shift
        close(slope[i], (ends[0] - ends[1]) / 2e-6, rtol=1e-5, atol=1e-7)


def test_what_recomputing_costs():
    """K more calls; between the passes nothing of the network's insides is kept."""
    calls, kept = [], []

    def net(x, t):
        calls.append(t)
        return torch.tanh(x * t)

    model, x = Denoiser(net, VP()), torch.randn(50, 2, generator=gen(1))
    for recompute in (False, True):
        calls.clear()
        held = []
        with torch.autograd.graph.saved_tensors_hooks(lambda tensor, held=held: held.append(tensor.numel()) or tensor, lambda tensor: tensor):
            loss = samplers.Searched(grids.uniform(6))(model, x, recompute=recompute).sum()
        loss.backward()
        assert len(calls) == (12 if recompute else 6)
        kept.append(sum(n for n in held if n >= x.numel()))
    assert kept[1] < kept[0] / 2


def test_a_search_lowers_the_distance_and_leaves_the_model_alone():
    layer = torch.nn.Linear(1, 1)
    target = exact.Gaussian([0.0], 0.5)
    ideal = target.denoiser(VP())
    model = Denoiser(lambda x, t: ideal(x, t) + 0.0 * layer(x), VP(), predicts="x0")
    sampler = samplers.Searched(grids.uniform(2), 0.1)
    history = samplers.search(sampler, model, target.sample, 60, batch=200, lr=0.05, generator=gen(1))
    assert len(history) == 60 and sum(history[-10:]) < sum(history[:10]) / 5
    assert layer.weight.grad is None
    times = sampler.grid()
    assert times[0] == 1 and times[-1] == 0 and (times.diff() < 0).all()
    again = samplers.Searched(grids.uniform(2))
    again.load_state_dict(sampler.state_dict())
    x = column(0.4, -1.0).float()
    assert torch.equal(again(model, x, generator=gen()), sampler(model, x, generator=gen()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_searched_protocol(dtype):
    """Shape and dtype of x, a trace as every sampler's, noise from the generator alone."""
    model, x = exact.Gaussian(torch.zeros(1, 4, 4), 0.5).denoiser(VP()), torch.randn(3, 1, 4, 4, generator=gen(), dtype=dtype)
    sampler, seen = samplers.Searched(grids.uniform(3), 0.5), []
    state = torch.get_rng_state()
    after = sampler(model, x, generator=gen(1), trace=lambda *facts: seen.append(facts))
    assert after.shape == x.shape and after.dtype == dtype and torch.equal(torch.get_rng_state(), state)
    assert [facts[0] for facts in seen] == [0, 1, 2] and torch.equal(seen[0][2], x)
    close(after.detach(), seen[-1][3].detach(), atol=1e-12)


@pytest.mark.parametrize("error, words, call", [
    (ValueError, ["eta", "[0, 1)", "1"], lambda: samplers.Searched([1.0, 0.0], 1.0)),
    (ValueError, ["grid", "fall"], lambda: samplers.Searched([0.5, 1.0])),
    (TypeError, ["model", "Denoiser"], lambda: samplers.Searched([1.0, 0.0])(torch.nn.Linear(1, 1), column(0.1))),
    (TypeError, ["x", "tensor"], lambda: samplers.Searched([1.0, 0.0])(BUMPS.denoiser(VP()), [0.1])),
    (ValueError, ["batch", "at least 2"], lambda: samplers.search(samplers.Searched([1.0, 0.0]), None, None, 1, batch=1)),
    (TypeError, ["model", "Denoiser"], lambda: samplers.search(samplers.Searched([1.0, 0.0]), None, None, 1)),
])
def test_searched_refuses(error, words, call):
    with pytest.raises(error) as caught:
        call()
    assert all(word in str(caught.value) for word in words), str(caught.value)
