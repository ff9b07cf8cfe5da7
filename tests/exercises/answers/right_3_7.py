# %% a function for the step, another for its inverse
def two_step_target(teacher, x, t, middle, end):
    def scales(time):
        shape = (len(x),) + (1,) * (x.ndim - 1)
        return teacher.process.alpha(time).view(shape), teacher.process.sigma(time).view(shape)

    def ddim(at, time, later):
        (a, s), (b, r) = scales(time), scales(later)
        x0 = teacher(at, time)
        return b * x0 + r / s * (at - a * x0)

    (a, s), (b, r) = scales(t), scales(end)
    landed = ddim(ddim(x, t, middle), middle, end)
    return ((s * landed - r * x) / (s * b - r * a)).detach()


# %% one example after another, the library's steps
def two_step_target(teacher, x, t, middle, end):
    rows = []
    for i in range(len(x)):
        at, times = x[i : i + 1], [float(time[i]) for time in (t, middle, end)]
        for now, later in zip(times[:-1], times[1:]):
            keep, pull, _ = samplers.ddim_step(teacher.process, now, later)
            at = keep * at + pull * teacher(at, torch.tensor([now], dtype=x.dtype)).detach()
        keep, pull, _ = samplers.ddim_step(teacher.process, times[0], times[2])
        rows.append((at - keep * x[i : i + 1]) / pull)
    return torch.cat(rows)


# %% as an average of the teacher's two answers, with its true weights
@torch.no_grad()
def two_step_target(teacher, x, t, middle, end):
    column = (-1,) + (1,) * (x.ndim - 1)
    level = [(teacher.process.sigma(time) / teacher.process.alpha(time)).reshape(column) for time in (t, middle, end)]
    alpha = [teacher.process.alpha(time).reshape(column) for time in (t, middle)]
    first = teacher(x, t)
    y = first + level[1] / level[0] * (x / alpha[0] - first)
    second = teacher(alpha[1] * y, middle)
    share = (level[2] / level[1] - level[2] / level[0]) / (1 - level[2] / level[0])
    return share * first + (1 - share) * second
