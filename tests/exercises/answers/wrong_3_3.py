# %% the last step costs as much as the others
def most_steps(method, calls):
    return calls // {"heun": 2, "dpm_solver_2": 2, "dpm_solver_3": 3}.get(method, 1)


# %% steps taken for calls
def most_steps(method, calls):
    return calls


# %% a last step that is free
def most_steps(method, calls):
    return calls // {"heun": 2, "dpm_solver_2": 2, "dpm_solver_3": 3}.get(method, 1) + 1


# %% Heun's second call kept for the next step
def most_steps(method, calls):
    each = {"dpm_solver_2": 2, "dpm_solver_3": 3}.get(method, 1)
    if method == "pndm":
        return calls - 9 if calls >= 13 else (calls + 3) // 4
    return (calls - 1) // each + 1


# %% PNDM's warm-up for free
def most_steps(method, calls):
    each = {"heun": 2, "dpm_solver_2": 2, "dpm_solver_3": 3}.get(method, 1)
    return (calls - 1) // each + 1


# %% PNDM's warm-up paid in full on the shortest grids too
def most_steps(method, calls):
    if method == "pndm":
        return max(calls - 9, 1)
    each = {"heun": 2, "dpm_solver_2": 2, "dpm_solver_3": 3}.get(method, 1)
    return (calls - 1) // each + 1


# %% a number that is not whole
def most_steps(method, calls):
    if method == "pndm":
        return calls - 9 if calls >= 13 else (calls + 3) // 4
    return (calls - 1) / {"heun": 2, "dpm_solver_2": 2, "dpm_solver_3": 3}.get(method, 1) + 1


# %% rounded up: more than the budget
def most_steps(method, calls):
    if method == "pndm":
        return calls - 9 if calls >= 13 else (calls + 3) // 4
    return math.ceil((calls - 1) / {"heun": 2, "dpm_solver_2": 2, "dpm_solver_3": 3}.get(method, 1)) + 1
