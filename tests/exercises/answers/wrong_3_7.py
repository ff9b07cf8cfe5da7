# %% the teacher's second answer: right for a last step to 0 only
def two_step_target(teacher, x, t, middle, end):
    column = (-1,) + (1,) * (x.ndim - 1)
    p = teacher.process
    with torch.no_grad():
        x0 = teacher(x, t)
        eps = (x - p.alpha(t).reshape(column) * x0) / p.sigma(t).reshape(column)
        return teacher(p.alpha(middle).reshape(column) * x0 + p.sigma(middle).reshape(column) * eps, middle)


# %% the teacher's first answer: nothing is distilled
def two_step_target(teacher, x, t, middle, end):
    return teacher(x, t).detach()


# %% the plain mean of both answers
def two_step_target(teacher, x, t, middle, end):
    column = (-1,) + (1,) * (x.ndim - 1)
    p = teacher.process
    with torch.no_grad():
        x0 = teacher(x, t)
        eps = (x - p.alpha(t).reshape(column) * x0) / p.sigma(t).reshape(column)
        again = teacher(p.alpha(middle).reshape(column) * x0 + p.sigma(middle).reshape(column) * eps, middle)
        return (x0 + again) / 2


# %% where the teacher landed: a state and not a clean mean
def two_step_target(teacher, x, t, middle, end):
    column = (-1,) + (1,) * (x.ndim - 1)
    p = teacher.process
    with torch.no_grad():
        for now, later in ((t, middle), (middle, end)):
            x0 = teacher(x, now)
            eps = (x - p.alpha(now).reshape(column) * x0) / p.sigma(now).reshape(column)
            x = p.alpha(later).reshape(column) * x0 + p.sigma(later).reshape(column) * eps
        return x


# %% the noise of the first step kept for the second
def two_step_target(teacher, x, t, middle, end):
    column = (-1,) + (1,) * (x.ndim - 1)
    a, m, e = (teacher.process.alpha(time).reshape(column) for time in (t, middle, end))
    s, r, q = (teacher.process.sigma(time).reshape(column) for time in (t, middle, end))
    with torch.no_grad():
        x0 = teacher(x, t)
        eps = (x - a * x0) / s
        landed = e * teacher(m * x0 + r * eps, middle) + q * eps
        return (landed - q / s * x) / (e - q / s * a)


# %% the teacher is asked at x_t for its second step as well
def two_step_target(teacher, x, t, middle, end):
    column = (-1,) + (1,) * (x.ndim - 1)
    a, m, e = (teacher.process.alpha(time).reshape(column) for time in (t, middle, end))
    s, r, q = (teacher.process.sigma(time).reshape(column) for time in (t, middle, end))
    with torch.no_grad():
        x0 = teacher(x, t)
        z = m * x0 + r * (x - a * x0) / s
        x0 = teacher(x, middle)
        landed = e * x0 + q * (z - m * x0) / r
        return (landed - q / s * x) / (e - q / s * a)


# %% the second step begins at the old time for the network
def two_step_target(teacher, x, t, middle, end):
    column = (-1,) + (1,) * (x.ndim - 1)
    a, m, e = (teacher.process.alpha(time).reshape(column) for time in (t, middle, end))
    s, r, q = (teacher.process.sigma(time).reshape(column) for time in (t, middle, end))
    with torch.no_grad():
        x0 = teacher(x, t)
        z = m * x0 + r * (x - a * x0) / s
        x0 = teacher(z, t)
        landed = e * x0 + q * (z - m * x0) / r
        return (landed - q / s * x) / (e - q / s * a)


# %% solved for a step from the middle
def two_step_target(teacher, x, t, middle, end):
    column = (-1,) + (1,) * (x.ndim - 1)
    a, m, e = (teacher.process.alpha(time).reshape(column) for time in (t, middle, end))
    s, r, q = (teacher.process.sigma(time).reshape(column) for time in (t, middle, end))
    with torch.no_grad():
        x0 = teacher(x, t)
        z = m * x0 + r * (x - a * x0) / s
        x0 = teacher(z, middle)
        landed = e * x0 + q * (z - m * x0) / r
        return (landed - q / r * x) / (e - q / r * m)


# %% divided by alpha at the end: the noise that is left is forgotten
def two_step_target(teacher, x, t, middle, end):
    column = (-1,) + (1,) * (x.ndim - 1)
    a, m, e = (teacher.process.alpha(time).reshape(column) for time in (t, middle, end))
    s, r, q = (teacher.process.sigma(time).reshape(column) for time in (t, middle, end))
    with torch.no_grad():
        x0 = teacher(x, t)
        z = m * x0 + r * (x - a * x0) / s
        x0 = teacher(z, middle)
        return (e * x0 + q * (z - m * x0) / r) / e


# %% a gradient hangs on it
def two_step_target(teacher, x, t, middle, end):
    column = (-1,) + (1,) * (x.ndim - 1)
    a, m, e = (teacher.process.alpha(time).reshape(column) for time in (t, middle, end))
    s, r, q = (teacher.process.sigma(time).reshape(column) for time in (t, middle, end))
    x0 = teacher(x, t)
    z = m * x0 + r * (x - a * x0) / s
    x0 = teacher(z, middle)
    landed = e * x0 + q * (z - m * x0) / r
    return (landed - q / s * x) / (e - q / s * a)


# %% the first example's times for all
def two_step_target(teacher, x, t, middle, end):
    a, m, e = (teacher.process.alpha(time[0]) for time in (t, middle, end))
    s, r, q = (teacher.process.sigma(time[0]) for time in (t, middle, end))
    with torch.no_grad():
        x0 = teacher(x, t)
        z = m * x0 + r * (x - a * x0) / s
        x0 = teacher(z, middle)
        landed = e * x0 + q * (z - m * x0) / r
        return (landed - q / s * x) / (e - q / s * a)


# %% no column: the times meet the last axis
def two_step_target(teacher, x, t, middle, end):
    a, m, e = (teacher.process.alpha(time) for time in (t, middle, end))
    s, r, q = (teacher.process.sigma(time) for time in (t, middle, end))
    with torch.no_grad():
        x0 = teacher(x, t)
        z = m * x0 + r * (x - a * x0) / s
        x0 = teacher(z, middle)
        landed = e * x0 + q * (z - m * x0) / r
        return (landed - q / s * x) / (e - q / s * a)
