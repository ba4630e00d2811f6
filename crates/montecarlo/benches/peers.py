#!/usr/bin/env python3
"""montecarlo beside its peers, in one run: numpy's darts; on Genz's families SciPy's scrambled Sobol sequence and the package vegas.

    cargo bench -p montecarlo --no-run
    python3 -m venv peers && peers/bin/pip install numpy scipy vegas
    OMP_NUM_THREADS=1 peers/bin/python crates/montecarlo/benches/peers.py [darts] [genz [SEEDS]]

Prints the tables of BENCHMARKS.md. The integrands are those of `montecarlo::genz::Genz::standard`, vectorised with numpy; SciPy and vegas get
batches, as their users would give them. 2^16 evaluations an integral: 8 scrambles of 2^13 points; vegas 10 iterations of 6,553.
"""

import math
import subprocess
import sys
import time

import numpy as np

FAMILIES = ["oscillatory", "product peak", "corner peak", "Gaussian", "continuous", "discontinuous"]
DIFFICULTY = [9.0, 7.25, 1.85, 7.03, 20.4, 4.3]


def bench(name, *arguments):
    command = ["cargo", "bench", "-q", "-p", "montecarlo", "--bench", name, "--", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def numpy_darts(samples, seed):
    random = np.random.default_rng(seed)
    x, y = random.random(samples), random.random(samples)
    return np.count_nonzero(x * x + y * y <= 1)


def darts():
    rows = [line.split(";") for line in bench("darts")]
    best = math.inf
    for seed in range(5):
        start = time.perf_counter()
        for part in range(10):
            numpy_darts(1 << 20, 10 * seed + part)
        best = min(best, time.perf_counter() - start)
    rows.append(["numpy, vectorised, 2^20 at a time", "1", str(10 * (1 << 20) / best)])
    print("| what | threads | darts a second |\n|---|---|---|")
    for what, threads, rate in rows:
        print(f"| {what} | {threads} | {float(rate) / 1e9:.3f}·10⁹ |")


class Genz:
    """The same members as Genz::standard."""

    def __init__(self, family, dims):
        self.family = family
        place = 0.5 + np.arange(dims) / (dims - 1)
        self.a = place * DIFFICULTY[family] / dims
        self.u = 0.2 + 0.6 * ((np.arange(1, dims + 1) * (math.sqrt(5) - 1) / 2) % 1)

    def value(self, x):
        a, u = self.a, self.u
        if self.family == 0:
            return np.cos(2 * np.pi * u[0] + x @ a)
        if self.family == 1:
            return np.prod(1 / (a**-2.0 + (x - u) ** 2), axis=1)
        if self.family == 2:
            return (1 + x @ a) ** (-len(a) - 1)
        if self.family == 3:
            return np.exp(-np.sum((a * (x - u)) ** 2, axis=1))
        if self.family == 4:
            return np.exp(-np.abs(x - u) @ a)
        return np.where((x[:, 0] >= u[0]) | (x[:, 1] >= u[1]), 0.0, np.exp(x @ a))

    def integral(self):
        a, u, dims = self.a, self.u, len(self.a)
        if self.family == 0:
            return math.cos(2 * math.pi * u[0] + a.sum() / 2) * np.prod(np.sin(a / 2) / (a / 2))
        if self.family == 1:
            return np.prod(a * (np.arctan(a * (1 - u)) + np.arctan(a * u)))
        if self.family == 2:
            corners = [(k.bit_count(), sum(a[i] for i in range(dims) if k >> i & 1)) for k in range(1 << dims)]
            return math.fsum((-1) ** ones / (1 + s) for ones, s in corners) / (math.factorial(dims) * np.prod(a))
        if self.family == 3:
            erf = np.vectorize(math.erf)
            return np.prod(math.sqrt(math.pi) / (2 * a) * (erf(a * (1 - u)) + erf(a * u)))
        if self.family == 4:
            return np.prod((2 - np.exp(-a * u) - np.exp(-a * (1 - u))) / a)
        ends = np.where(np.arange(dims) < 2, u, 1.0)
        return np.prod(np.expm1(a * ends) / a)


def scipy_sobol(genz, seed):
    from scipy.stats import qmc

    dims = len(genz.a)
    return np.mean([genz.value(qmc.Sobol(dims, rng=8 * seed + k).random(1 << 13)).mean() for k in range(8)])


def vegas_package(genz, seed):
    import gvar
    import vegas

    gvar.ranseed(seed)
    integrand = vegas.lbatchintegrand(genz.value)
    integrator = vegas.Integrator([[0, 1]] * len(genz.a))
    return integrator(integrand, nitn=10, neval=(1 << 16) // 10).mean


def genz(seeds):
    ours = {}
    for line in bench("genz", str(seeds)):
        method, family, dims, error, seconds = line.split(",")
        ours[method, family, int(dims)] = float(error), float(seconds)
    for method, peer, name in [("sobol", scipy_sobol, "SciPy"), ("vegas", vegas_package, "vegas")]:
        print(f"\n| {method}: family | d | median error | of {name} | ratio | ms | of {name} | times as fast |\n|---|---|---|---|---|---|---|---|")
        ratios, speeds = [], []
        for dims in (5, 10):
            for number, family in enumerate(FAMILIES):
                member = Genz(number, dims)
                exact = member.integral()
                start = time.perf_counter()
                errors = [abs(peer(member, seed) / exact - 1) for seed in range(seeds)]
                seconds = (time.perf_counter() - start) / seeds
                error, own = ours[method, family, dims]
                theirs = sorted(errors)[len(errors) // 2]
                ratios.append(error / theirs)
                speeds.append(seconds / own)
                print(f"| {family} | {dims} | {error:.2e} | {theirs:.2e} | {ratios[-1]:.2f} | {own * 1e3:.2f} | {seconds * 1e3:.1f} | {speeds[-1]:.1f} |")
        mean = lambda numbers: math.exp(sum(map(math.log, numbers)) / len(numbers))
        print(f"\nGeometric means: error {mean(ratios):.3f} of {name}'s (worst {max(ratios):.2f}), {mean(speeds):.1f} times as fast (least {min(speeds):.1f}).")


if __name__ == "__main__":
    words = sys.argv[1:] or ["darts", "genz"]
    if "darts" in words:
        darts()
    if "genz" in words:
        genz(next((int(word) for word in words if word.isdigit()), 200))
