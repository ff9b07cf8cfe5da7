# %% the sign of the weight before
def linear_weights(h, b):
    constant = -math.expm1(-h)
    linear = h - constant
    return constant - linear / b, linear / b


# %% exp(-h) - 1 and nearly equal numbers
def linear_weights(h, b):
    linear = h - 1 + math.exp(-h)
    return 1 - math.exp(-h) + linear / b, -linear / b


# %% expm1, but subtracted from one
def linear_weights(h, b):
    linear = h - 1 + (1 + math.expm1(-h))
    return -math.expm1(-h) + linear / b, -linear / b


# %% the weights of Adams-Bashforth, without the exponential
def linear_weights(h, b):
    return h + h**2 / (2 * b), -(h**2) / (2 * b)


# %% right for equal steps only
def linear_weights(h, b):
    constant = -math.expm1(-h)
    linear = h - constant
    return constant + linear / h, -linear / h


# %% the exponential grows from 1, and not up to 1
def linear_weights(h, b):
    constant = math.expm1(h)
    linear = h * math.exp(h) - constant
    return constant + linear / b, -linear / b


# %% first order: the value before gets nothing
def linear_weights(h, b):
    return -math.expm1(-h), 0.0


# %% DPM-Solver++'s: the value of the line in the middle of the step
def linear_weights(h, b):
    constant = -math.expm1(-h)
    return constant * (1 + h / (2 * b)), -constant * h / (2 * b)


# %% the pair turned round
def linear_weights(h, b):
    constant = -math.expm1(-h)
    linear = h - constant
    return -linear / b, constant + linear / b
