#!/usr/bin/env python3
"""PyTorch's times on this machine's GPU for the shapes of `cargo bench -p gpukern --features cuda,linalg/cuda --bench gpu`.

    python3 crates/gpukern/benches/gpu_peers.py

f32 is f32 (TF32 is off); attention is F.scaled_dot_product_attention, which picks its kernel. Times are by CUDA events, the median of
15 timings of as many calls as make a millisecond or so; operations and bytes are counted as there.
"""
import statistics

import torch
import torch.nn.functional as F

torch.backends.cuda.matmul.allow_tf32 = False
DEVICE = torch.device("cuda")


def milliseconds(work):
    def once(calls):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        for _ in range(calls):
            work()
        end.record()
        torch.cuda.synchronize()
        return start.elapsed_time(end) / calls

    once(1)
    calls = max(1, int(1 / max(once(1), 0.001)) + 1)
    return statistics.median(once(calls) for _ in range(15))


def report(what, time, operations, size):
    rate = lambda count: count / (1e-3 * time)
    print(f"{what:<46} {time:9.4f} ms {rate(operations) / 1e12:8.2f} TFLOP/s {rate(size) / 1e9:7.0f} GB/s", flush=True)


def products():
    for n in (1024, 4096):
        a, b = torch.rand(n, n, device=DEVICE), torch.rand(n, n, device=DEVICE)
        for name, (x, y) in {"f32": (a, b), "bf16": (a.bfloat16(), b.bfloat16())}.items():
            out = torch.empty(n, n, device=DEVICE, dtype=x.dtype)
            report(f"matmul {n} {name}", milliseconds(lambda: torch.mm(x, y, out=out)), 2 * n**3, 12 * n * n)


def attention(length, d, causal):
    shape = (16384 // length, 2048 // d, length, d)
    q, k, v, d_out = (torch.rand(shape, device=DEVICE) for _ in range(4))
    count = q.numel()
    product = (0.5 if causal else 1.0) * 2 * count * length
    what = f"attention N={length} d={d}" + (" causal" if causal else "")
    for name, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16)):
        inputs = [x.to(dtype).requires_grad_() for x in (q, k, v)]
        with torch.no_grad():
            time = milliseconds(lambda: F.scaled_dot_product_attention(*inputs, is_causal=causal))
        report(f"{what} forward {name}", time, 2 * product, 16 * count)
        out = F.scaled_dot_product_attention(*inputs, is_causal=causal)
        gradient = d_out.to(dtype)
        time = milliseconds(lambda: torch.autograd.grad(out, inputs, gradient, retain_graph=True))
        report(f"{what} backward {name}", time, 5 * product, 32 * count)


def decoding(batch, keys):
    q = torch.rand(batch, 32, 1, 128, device=DEVICE)
    k, v = (torch.rand(batch, 8, keys, 128, device=DEVICE) for _ in range(2))
    with torch.no_grad():
        time = milliseconds(lambda: F.scaled_dot_product_attention(q, k, v, enable_gqa=True))
    report(f"decode batch={batch} keys={keys} f32", time, 4 * batch * 32 * keys * 128, 8 * k.numel())


def rowwise():
    x = torch.rand(16384, 4096, device=DEVICE)
    out = torch.empty_like(x)
    works = {
        "softmax": lambda: torch.softmax(x, -1, out=out),
        "rms_norm": lambda: F.rms_norm(x, (4096,), eps=1e-5),
        "copy": lambda: out.copy_(x),
    }
    for name, work in works.items():
        report(f"{name} 16384x4096 f32", milliseconds(work), 0, 8 * x.numel())


print(f"PyTorch {torch.__version__} on {torch.cuda.get_device_name()}")
products()
for d in (64, 128):
    for causal in (False, True):
        for length in (512, 2048, 8192):
            attention(length, d, causal)
for batch in (1, 16):
    decoding(batch, 8192)
rowwise()
