# %% loops and dictionaries, from the data upwards
def cheapest_path(cost, steps):
    top = len(cost) - 1
    table = cost.tolist()
    best = {(0, 0): (0.0, None)}
    for k in range(1, steps + 1):
        for t in range(k, top + 1):
            ways = [(best[k - 1, s][0] + table[t][s], s) for s in range(t) if (k - 1, s) in best]
            if ways:
                best[k, t] = min(ways)
    path, t = [top], top
    for k in range(steps, 0, -1):
        t = best[k, t][1]
        path.append(t)
    return path


# %% from the noise downwards, numpy, an array in return
import numpy as np


def cheapest_path(cost, steps):
    price = np.where(np.tril(np.ones(cost.shape), -1) > 0, np.nan_to_num(cost.numpy()), np.inf)
    top = len(price) - 1
    best = np.full(top + 1, np.inf)
    best[top], came = 0.0, []
    for _ in range(steps):
        sums = best[:, None] + price
        came.append(sums.argmin(0))
        best = sums.min(0)
    path = [0]
    for arrow in reversed(came):
        path.append(int(arrow[path[-1]]))
    return np.array(path[::-1])


# %% recursion that remembers
import functools


def cheapest_path(cost, steps):
    table = cost.tolist()

    @functools.lru_cache(maxsize=None)
    def best(t, k):
        if k == 1:
            return table[t][0], (t, 0)
        ways = [(table[t][s] + best(s, k - 1)[0], s) for s in range(k - 1, t)]
        total, s = min(ways)
        return total, (t, *best(s, k - 1)[1])

    return list(best(len(table) - 1, steps)[1])
