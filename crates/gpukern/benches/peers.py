"""PyTorch's scaled_dot_product_attention on the CPU and gpukern's Cpu, taking turns.

    python3 -m venv venv && venv/bin/pip install torch        # outside the repository; CPU wheels will do
    cargo bench -p gpukern --bench attention --no-run         # prints the path of the binary
    venv/bin/python crates/gpukern/benches/peers.py BINARY [--threads N] [--rounds N] [--decode] [N ...]

Both run on the same shapes, with the same number of threads, on the same machine, one after the other in every round; a
ratio is the median over rounds of the ratios inside a round, so that a slow moment of the machine hits both sides.
PyTorch's backward pass goes through autograd, which is how its users call it.
"""

import argparse
import statistics
import subprocess
import sys
import time

import torch
from torch.nn.functional import scaled_dot_product_attention as sdpa

HEADS, HEAD_DIM = 8, 64
ROUND_SECONDS = 0.12  # of each side
PAUSE_SECONDS = 0.02  # until the threads of the side before have gone to sleep


def theirs(q, k, v, d_out, causal, both, runs):
    start = time.perf_counter()
    for _ in range(runs):
        if both:
            q.grad = k.grad = v.grad = None
            sdpa(q, k, v, is_causal=causal).backward(d_out)
        else:
            with torch.no_grad():
                sdpa(q, k, v, is_causal=causal)
    return (time.perf_counter() - start) / runs


class Ours:
    def __init__(self, binary, threads):
        command = [binary, "--serve", "--threads", str(threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def compare(ours, queries, keys, causal, both, rounds):
    torch.manual_seed(1)
    make = lambda length: torch.randn(1, HEADS, length, HEAD_DIM)
    q, k, v, d_out = make(queries), make(keys), make(keys), make(queries)
    for tensor in (q, k, v):
        tensor.requires_grad_(both)
    request = f"{'both' if both else 'forward'} {HEADS} {queries} {keys} {HEAD_DIM} {int(causal)}"
    theirs(q, k, v, d_out, causal, both, 1)
    ours.ask(f"{request} 1")
    runs = max(1, round(ROUND_SECONDS / theirs(q, k, v, d_out, causal, both, 2)))
    times = []
    for _ in range(rounds):
        time.sleep(PAUSE_SECONDS)
        a = theirs(q, k, v, d_out, causal, both, runs)
        time.sleep(PAUSE_SECONDS)
        times.append((ours.ask(f"{request} {runs}"), a))
    pairs = queries * (queries + 1) // 2 if causal else queries * keys
    operations = (7 if both else 2) * 2 * HEADS * pairs * HEAD_DIM
    mine, other = (statistics.median(side) for side in zip(*times))
    ratios = sorted(theirs / ours for ours, theirs in times)
    return operations, mine, other, ratios


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--decode", action="store_true", help="one query, many keys")
    parser.add_argument("lengths", type=int, nargs="*", default=[512, 2048, 4096])
    options = parser.parse_intermixed_args()
    torch.set_num_threads(options.threads)
    ours = Ours(options.binary, options.threads)
    peak = ours.ask("peak") / 1e9
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}; "
          f"one core's multiply-adds reach {peak:.0f} GFLOP/s")
    if options.decode:
        print("| one query, keys | ours µs | GB/s | PyTorch µs | ratio (lowest … highest) |\n|---|---|---|---|---|")
        for keys in options.lengths:
            _, mine, other, ratios = compare(ours, 1, keys, False, False, options.rounds)
            bandwidth = 2 * 4 * HEADS * keys * HEAD_DIM / mine / 1e9
            middle = statistics.median(ratios)
            print(f"| {keys} | {mine * 1e6:.1f} | {bandwidth:.1f} | {other * 1e6:.1f} "
                  f"| {middle:.2f} ({ratios[0]:.2f} … {ratios[-1]:.2f}) |", flush=True)
        return
    print("| N | causal | pass | ours GFLOP/s | % of peak | PyTorch GFLOP/s | ratio (lowest … highest) |\n|---|---|---|---|---|---|---|")
    for length in options.lengths:
        for causal in (False, True):
            for both in (False, True):
                operations, mine, other, ratios = compare(ours, length, length, causal, both, options.rounds)
                share = 100 * operations / mine / 1e9 / peak / options.threads
                middle = statistics.median(ratios)
                print(f"| {length} | {'yes' if causal else 'no'} | {'forward + backward' if both else 'forward'} "
                      f"| {operations / mine / 1e9:.1f} | {share:.0f} | {operations / other / 1e9:.1f} "
                      f"| {middle:.2f} ({ratios[0]:.2f} … {ratios[-1]:.2f}) |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
