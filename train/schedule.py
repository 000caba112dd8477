"""What changes from step to step: the weight of the L1 loss (Algorithm 1 of ProSparse) and the learning rate."""

import math


def l1_weight(step, lambdas=(0.0,), ends=(1,)):
    """Constant lambda_1 up to step T_1, then in stage i half a sine from lambda_{i-1} to lambda_i, which is reached at T_i.

    A sine rather than a jump: the model is never hit by a new penalty at once. After the last T the last lambda stays.
    """
    if len(lambdas) != len(ends):
        raise ValueError(f"lambdas and ends must be of one length, not {len(lambdas)} and {len(ends)}")
    i = next((i for i, end in enumerate(ends) if step <= end), len(ends) - 1)
    if i == 0:
        return lambdas[0]
    share = min(1.0, (step - ends[i - 1]) / (ends[i] - ends[i - 1]))
    eta = 0.5 * (math.sin(-math.pi / 2 + math.pi * share) + 1)
    return lambdas[i - 1] + eta * (lambdas[i] - lambdas[i - 1])


def learning_rate(step, steps, lr, warmup, decay):
    """Rises for `warmup` steps, flat, then falls linearly to a tenth within the last share `decay`."""
    up = min(1.0, (step + 1) / warmup) if warmup else 1.0
    left = (steps - step) / (decay * steps) if decay else 1.0
    return lr * up * min(1.0, 0.1 + 0.9 * left)
