"""Truncated and distilled diffusion against algebra, Gaussian data and the quantile map."""
import copy
import math

import laws
import pytest
import torch
from cases import BUMPS, CONTINUOUS, close, column, gen

from minidiff import VP, Cosine, Denoiser, exact, grids, losses, samplers
from minidiff.metrics import wasserstein_1d
from minidiff.nets import MLP
from minidiff.train import train

every_process = pytest.mark.parametrize("process", [*CONTINUOUS.values(), laws.Straight()], ids=[*CONTINUOUS, "straight"])


# ------------------------------------------------------------------------------------------- the target of a student's step


@every_process
def test_the_target_reaches_where_two_steps_end(process):
    """Also on the last step, to t = 0, and from t = 1, where the straight process has an SNR of 0."""
    laws.one_step_reaches_two(losses.two_step_target, process)


def test_the_target_is_the_papers():
    """(x_s - k x) / (alpha_s - k alpha_t) with k = sigma_s / sigma_t, away from short steps, where it loses digits."""
    process, x = Cosine(), column(0.4, -1.0, 0.9)
    model = BUMPS.denoiser(process)
    for t, middle, s in ((0.9, 0.7, 0.4), (0.5, 0.3, 0.1)):
        k = process.sigma(s) / process.sigma(t)
        papers = (laws.two_ddim_steps(model, x, t, middle, s) - k * x) / (process.alpha(s) - k * process.alpha(t))
        close(losses.two_step_target(model, x, t, middle, s), papers, atol=1e-10)


def test_the_target_keeps_its_digits_on_short_steps():
    """In float32, a step of 1e-4: the mean of the guesses is right to 1e-5, the quotient loses ten times as much."""
    process, x = Cosine(), column(0.4, -1.0, 0.9)
    model, times = BUMPS.denoiser(process), (0.5, 0.49995, 0.4999)
    exactly = losses.two_step_target(model, x, *times)
    close(losses.two_step_target(model, x.float(), *times), exactly, atol=1e-5)
    k = process.sigma(times[2]) / process.sigma(times[0])
    quotient = (laws.two_ddim_steps(model, x.float(), *times) - k * x.float()) / (process.alpha(times[2]) - k * process.alpha(times[0]))
    assert (quotient - exactly).abs().max() > 1e-4


def test_the_target_of_a_batch_of_times_is_that_of_each():
    process = Cosine()
    model, x = BUMPS.denoiser(process), column(0.4, -1.0, 0.9, 0.1)
    rows = [torch.tensor(row, dtype=torch.float32) for row in ((1.0, 0.5, 0.25, 0.5), (0.75, 0.375, 0.125, 0.25), (0.5, 0.25, 0.0, 0.0))]
    together = losses.two_step_target(model, x, *rows)
    for i in range(4):
        close(together[i : i + 1], losses.two_step_target(model, x[i : i + 1], *(row[i].item() for row in rows)), atol=1e-9)
    assert losses.two_step_target(model, x.float(), *rows).dtype == torch.float32


@pytest.mark.parametrize("predicts", ["x0", "v"])
def test_without_any_signal_the_target_and_the_loss_are_finite(predicts):
    """SNR = 0 at t = 1: x0 and v survive, and the weight is 1."""
    process = laws.Straight()
    net = torch.nn.Linear(1, 1)
    model = Denoiser(lambda x, t: net(x), process, predicts=predicts)
    x0, noise = torch.randn(6, 1, generator=gen()), torch.randn(6, 1, generator=gen(1))
    step, grid = torch.zeros(6, dtype=torch.int64), [1.0, 0.5, 0.0]
    student = Denoiser(lambda x, t: net(x) + 0.1, process, predicts=predicts)
    values = losses.halving(student, model, x0, step, noise, grid)
    assert torch.isfinite(values).all()
    target = losses.two_step_target(model, noise, 1.0, 0.5, 0.0)
    close(values, (target - student(noise, 1.0)).square().sum(1), rtol=1e-6)
    values.sum().backward()
    assert torch.isfinite(net.weight.grad).all()


# ------------------------------------------------------------------------------------------- a student


@every_process
def test_the_best_student_of_a_linear_teacher_is_known(process):
    laws.halving_of_a_linear_teacher(losses.halving, process)


def test_the_teacher_gets_no_gradient():
    process = Cosine()
    nets = [torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)]
    student, teacher = (Denoiser(lambda x, t, net=net: net(x), process, predicts="v") for net in nets)
    x = torch.randn(5, 1, generator=gen())
    losses.halving(student, teacher, x, torch.tensor([0, 1, 1, 0, 1]), x, grids.uniform(4)).sum().backward()
    assert nets[0].weight.grad is not None and nets[1].weight.grad is None


def test_a_trained_student_halves_the_steps():
    """Gaussian data, a student linear in x at each of its two times: it lands where four of its teacher's steps do."""
    class Table(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.gains = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))

        def forward(self, x, t):
            return self.gains[(t < 0.75).long()].reshape(-1, 1) * x

    process, grid = Cosine(), grids.uniform(4)
    target = exact.Gaussian([0.0], 0.5)
    teacher, student = target.denoiser(process), Denoiser(Table(), process, predicts="v")
    run = train(student, lambda n, generator: target.sample(n, generator, torch.float64), 300, batch=64, lr=0.1, schedule="cosine",
                loss=lambda s, x0, step, noise: losses.halving(s, teacher, x0, step, noise, grid),
                time=lambda n, generator: torch.randint(2, (n,), generator=generator), progress=False)
    x = column(1.0, -0.5, 2.0)
    close(samplers.ddim(run.model, x, grid[::2]), samplers.ddim(teacher, x, grid), atol=1e-6)


def test_a_one_step_student_learns_the_quantile_map():
    """One dimension: DDIM's limit is the monotone map from N(0, 1) to the data; the student draws it in one call."""
    process = Cosine()
    teacher = BUMPS.denoiser(process)
    x1 = process.prior_sample((4000, 1), gen(1))
    pairs = torch.stack([x1, samplers.ddim(teacher, x1, grids.uniform(64))], 1)
    torch.manual_seed(0)
    student = Denoiser(MLP(dim=1, width=48, depth=3, frequencies=3), process, predicts="v")
    run = train(student, pairs, 1200, batch=256, lr=5e-3, schedule="cosine", loss=losses.one_step, ema=0.99,
                time=lambda n, generator: torch.ones(n), progress=False)
    levels = torch.linspace(0.001, 0.999, 999, dtype=torch.float64)
    noise = math.sqrt(2) * torch.erfinv(2 * levels - 1)
    line = torch.linspace(-3, 3, 6001, dtype=torch.float64)
    exactly = line[torch.searchsorted(BUMPS.cdf(line[:, None])[:, 0], levels).clamp(max=6000)]
    with torch.no_grad():
        drawn = run.ema(noise[:, None].float(), 1.0)[:, 0]
    naive = samplers.ddim(teacher, noise[:, None], grids.uniform(1))[:, 0]
    rms = (drawn - exactly).square().mean().sqrt()
    assert rms < 0.08 and (naive - exactly).square().mean().sqrt() > 0.5
    assert wasserstein_1d(drawn, exactly) < 0.05


def test_one_step_loss():
    laws.one_step_loss_is_of_the_start(losses.one_step)


def test_a_copy_of_its_teacher_is_no_perfect_student():
    """One DDIM step of the teacher itself ends elsewhere, and elsewhere by more for longer steps."""
    process = Cosine()
    model = BUMPS.denoiser(process)
    x0, noise = BUMPS.sample(200, gen(), torch.float64), torch.randn(200, 1, generator=gen(1), dtype=torch.float64)
    means = [losses.halving(copy.deepcopy(model), model, x0, torch.full((200,), n - 1), noise, grids.uniform(2 * n)).mean() for n in (2, 8)]
    assert means[0] > 0.01 > means[1] > 0 or means[0] > 10 * means[1] > 0


# ------------------------------------------------------------------------------------------- truncation


@pytest.mark.parametrize("process", [VP(), Cosine()], ids=["VP", "Cosine"])
def test_a_perfect_generator_leaves_only_the_solvers_error(process):
    laws.early_stop_keeps_the_law(samplers.early_stopped, process)


def test_stopped_at_the_end_it_is_the_whole_chain():
    """T' = 1: hardly a trace of the generator is left, and the walk is the sampler's from noise."""
    process = Cosine()
    model, grid = BUMPS.denoiser(process), grids.uniform(20)
    generated = column(*[5.0] * 4)
    early = samplers.early_stopped(model, generated, grid, sampler=samplers.ddim, generator=gen(3))
    noise = torch.randn(4, 1, generator=gen(3), dtype=torch.float64)
    close(early, samplers.ddim(model, noise, grid), atol=0.05)
    chain = laws.Straight()                                # no signal at all at t = 1: the same, bit for bit
    model = BUMPS.denoiser(chain)
    net = Denoiser(lambda x, t: 0.5 * x, chain, predicts="x0")
    assert torch.equal(samplers.early_stopped(net, generated, grid, sampler=samplers.ddim, generator=gen(3)), samplers.ddim(net, noise, grid))


def test_noise_hides_the_generator():
    """The distance of noised generator and noised data never grows with T' (data processing)."""
    process, wrong = Cosine(), exact.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], 0.6)
    x = torch.linspace(-8, 8, 4001, dtype=torch.float64)[:, None]
    kl = []
    for t in torch.linspace(0, 1, 11).tolist():
        p, q = (law.marginal(process, t).log_prob(x) for law in (BUMPS, wrong))
        kl.append(torch.trapezoid(p.exp() * (p - q), x[:, 0]).item())
    assert all(a > b - 1e-12 for a, b in zip(kl, kl[1:])) and kl[0] > 0.1 and kl[-1] < 1e-5


def test_the_default_is_the_ancestral_sampler_and_trace_sees_the_first_state():
    model, grid, seen = BUMPS.denoiser(VP()), [0.5, 0.2, 0.0], []
    x = column(0.4, -1.0)
    first = samplers.early_stopped(model, x, grid, generator=gen(1), trace=lambda i, t, x, x0: seen.append((t, x)))
    assert torch.equal(first, samplers.early_stopped(model, x, grid, sampler=samplers.ancestral, generator=gen(1)))
    assert seen[0][0] == 0.5
    close(seen[0][1], VP().perturb(x, 0.5, torch.randn(2, 1, generator=gen(1), dtype=torch.float64)))


# ------------------------------------------------------------------------------------------- wrong input

MODEL, X = BUMPS.denoiser(Cosine()), column(0.1, 0.2)
STEP, GRID = torch.tensor([0, 1]), grids.uniform(4)
WRONG = [
    (ValueError, ["t, middle and s must fall", "0.5, 0.7, 0.2"], lambda: losses.two_step_target(MODEL, X, 0.5, 0.7, 0.2)),
    (ValueError, ["t, middle and s must fall"], lambda: losses.two_step_target(MODEL, X, 0.5, 0.5, 0.2)),
    (ValueError, ["t ", "[0, 1]", "1.5"], lambda: losses.two_step_target(MODEL, X, 1.5, 0.5, 0.2)),
    (TypeError, ["model", "Denoiser"], lambda: losses.two_step_target(lambda x, t: x, X, 0.5, 0.4, 0.2)),
    (ValueError, ["grid", "odd", "4"], lambda: losses.halving(MODEL, MODEL, X, STEP, X, [1.0, 0.5, 0.2, 0.0])),
    (ValueError, ["grid", "fall"], lambda: losses.halving(MODEL, MODEL, X, STEP, X, [0.0, 0.5, 1.0])),
    (ValueError, ["step", "0..1", "2"], lambda: losses.halving(MODEL, MODEL, X, STEP + 1, X, GRID)),
    (ValueError, ["step", "int64"], lambda: losses.halving(MODEL, MODEL, X, STEP.double(), X, GRID)),
    (ValueError, ["step", "(2,)"], lambda: losses.halving(MODEL, MODEL, X, STEP[:1], X, GRID)),
    (ValueError, ["noise", "shape of x0"], lambda: losses.halving(MODEL, MODEL, X, STEP, X[:1], GRID)),
    (TypeError, ["x0", "tensor", "list"], lambda: losses.halving(MODEL, MODEL, [0.1, 0.2], STEP, X, GRID)),
    (ValueError, ["pairs", "(B, 2, *shape)", "(2, 1)"], lambda: losses.one_step(MODEL, X, 1.0)),
    (TypeError, ["pairs", "tensor"], lambda: losses.one_step(MODEL, [X, X], 1.0)),
    (ValueError, ["x must be finite"], lambda: samplers.early_stopped(MODEL, X / 0, GRID)),
    (ValueError, ["grid", "[0, 1]"], lambda: samplers.early_stopped(MODEL, X, [1.5, 0.0])),
    (TypeError, ["sampler", "function", "'ddim'"], lambda: samplers.early_stopped(MODEL, X, GRID, sampler="ddim")),
    (TypeError, ["generator", "7"], lambda: samplers.early_stopped(MODEL, X, GRID, generator=7)),
]


@pytest.mark.parametrize("error, words, call", WRONG, ids=[f"{i}: {' '.join(words)}" for i, (_, words, _) in enumerate(WRONG)])
def test_wrong_input_is_refused_in_words(error, words, call):
    with pytest.raises(error) as caught:
        call()
    assert all(word in str(caught.value) for word in words), str(caught.value)
