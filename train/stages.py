"""The recipe as a table: every stage is a row of settings, train.py has no branch for any of them.

    start       the stage whose weights (and place in the token stream) it continues; None: new weights
    activation  what the FFN gates use in this stage: changing it is "activation function substitution"
    steps       optimiser steps of rows x length tokens; the trunk learns on short rows, which is faster
    lr, warmup, decay   peak learning rate; steps in which it rises; the share of the steps at the end in which it falls to a tenth
    lambdas, ends       Algorithm 1 of ProSparse: lambda_i and the step T_i at which stage i ends. At the end lambda falls
                again, as it does in the paper's last tuning of its 1B model, so that quality comes back while the zeros stay

The branches see the same tokens in the same order, so their perplexities can be compared.
"""

TRUNK = dict(start=None, activation="silu", steps=900, rows=16, length=256, lr=2e-3, warmup=60, decay=0.0)
BRANCH = dict(start="trunk", steps=400, rows=8, length=512, lr=2e-3, warmup=0, decay=0.5)
L1 = dict(lambdas=[0.0, 0.0008, 0.0008, 0.014, 0.014, 0.006, 0.006], ends=[54, 180, 200, 255, 315, 350, 400])

# The last part, with a learning rate that starts again at half: lambda rises once more and then falls.
END = dict(steps=150, rows=8, length=512, lr=1e-3, warmup=10, decay=1.0)
END_L1 = dict(lambdas=[0.006, 0.014, 0.014, 0.006], ends=[10, 30, 110, 150])

STAGES = {
    "trunk": TRUNK,
    "dense": dict(BRANCH, activation="silu"),
    "dense-end": dict(END, start="dense", activation="silu"),
    "relu": dict(BRANCH, activation="relu"),
    "relu-end": dict(END, start="relu", activation="relu"),
    "prosparse": dict(BRANCH, activation="relu", **L1),
    "prosparse-end": dict(END, start="prosparse", activation="relu", **END_L1),
}
