#!/usr/bin/env python3
"""The same model in PyTorch: tokens a second of training, beside `cargo bench -p microgpt --bench large`.

    pip install torch
    python3 crates/microgpt/benches/pytorch.py THREADS SECONDS
    python3 crates/microgpt/benches/pytorch.py cuda SECONDS [compile]     # on a GPU, in f32, beside `--bench large -- cuda`

d = 128, 4 layers, 4 heads, block 64, batch 32, vocabulary 27, f32, Adam: RMS norm after the embedding and before attention and
perceptron, ReLU, no biases, an untied head. Attention is F.scaled_dot_product_attention, the optimiser is the fused one: the
fastest of what PyTorch has, without its compiler unless `compile` asks for it.
"""
import sys
import time

import torch
import torch.nn.functional as F

on, seconds = sys.argv[1], float(sys.argv[2])
device = torch.device("cuda" if on == "cuda" else "cpu")
if on != "cuda":
    torch.set_num_threads(int(on))
    on += " thread(s)"
torch.manual_seed(1)
VOCAB, N, LAYERS, HEADS, BLOCK, BATCH = 27, 128, 4, 4, 64, 32


def matrix(rows, columns):
    return torch.nn.Parameter(torch.randn(rows, columns, device=device) * 0.08)


wte, wpe, head = matrix(VOCAB, N), matrix(BLOCK, N), matrix(VOCAB, N)
blocks = [(matrix(3 * N, N), matrix(N, N), matrix(4 * N, N), matrix(N, 4 * N)) for _ in range(LAYERS)]
parameters = [wte, wpe, head] + [weights for block in blocks for weights in block]
optimizer = torch.optim.Adam(parameters, lr=0.001, betas=(0.85, 0.99), eps=1e-8, fused=True)


def norm(x):
    return F.rms_norm(x, (N,), eps=1e-8)


def loss_of(inputs, targets):
    x = norm(wte[inputs] + wpe)
    for wqkv, wo, fc1, fc2 in blocks:
        q, k, v = (F.linear(norm(x), wqkv).view(BATCH, BLOCK, 3, HEADS, N // HEADS).permute(2, 0, 3, 1, 4)).unbind(0)
        found = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + F.linear(found.transpose(1, 2).reshape(BATCH, BLOCK, N), wo)
        x = x + F.linear(F.relu(F.linear(norm(x), fc1)), fc2)
    return F.cross_entropy(F.linear(x, head).view(-1, VOCAB), targets.reshape(-1))


if sys.argv[3:] == ["compile"]:
    loss_of, on = torch.compile(loss_of), on + " compiled"
tokens = torch.randint(0, VOCAB, (BATCH, BLOCK + 1), device=device)
times = []
begin = time.perf_counter()
while time.perf_counter() - begin < seconds or len(times) < 5:
    start = time.perf_counter()
    optimizer.zero_grad(set_to_none=True)
    loss = loss_of(tokens[:, :-1], tokens[:, 1:])
    loss.backward()
    optimizer.step()
    loss.item()
    times.append(time.perf_counter() - start)
times.sort()
print(f"PyTorch {torch.__version__}, {on}: {BATCH * BLOCK / times[0]:.0f} tokens/s, median {BATCH * BLOCK / times[len(times) // 2]:.0f}")
