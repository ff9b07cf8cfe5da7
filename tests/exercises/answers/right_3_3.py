# %% closed formulas
def most_steps(method, calls):
    if method in ("ddim", "dpm_solver_pp"):
        return calls
    if method in ("heun", "dpm_solver_2"):
        return (calls + 1) // 2
    if method == "dpm_solver_3":
        return (calls + 2) // 3
    return calls - 9 if calls >= 13 else (calls + 3) // 4


# %% by measuring: the library's samplers run, their calls counted
def most_steps(method, calls):
    how = {"ddim": samplers.ddim, "heun": samplers.heun, "pndm": samplers.pndm, "dpm_solver_pp": samplers.dpm_solver_pp}
    steps = 0
    while True:
        counted = Counted(Gaussian([0.0], 0.5).denoiser(VP()))
        if method in how:
            how[method](counted, torch.zeros(1, 1), grids.quadratic(steps + 1))
        else:
            samplers.dpm_solver(counted, torch.zeros(1, 1), grids.quadratic(steps + 1), order=[int(method[-1])] * steps + [1])
        if counted.calls > calls:
            return steps
        steps += 1
