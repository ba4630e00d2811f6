// Between rows of tokens, as products of matrices make them, and heads, as attention wants them.
//
// A row of a token holds `parts` lists (queries, keys and values side by side, say), each of them head after head:
// rows[batch][token][part][head][0 … head_dim − 1]. Attention reads one head's tokens one after another:
// by_head[batch][head][slot][0 … head_dim − 1]. The plain loops, of one part:
//
//     for b, token, h, d:
//         by_head[b][h][first + token][d] = rows[b][token][part][h][d]        split_heads
//         rows[b][token][part][h][d] = by_head[b][h][first + token][d]        join_heads
//
// What changes here: a thread takes one number, and neighbours along head_dim are neighbours on both sides, so that both are coalesced
// as far as head_dim goes. by_head may have more slots a head (`capacity`) than there are tokens: with `first` > 0 a cache of keys
// and values grows in place by the tokens that came.
//
// Bytes from and to global memory: 4·2·batch·tokens·heads·head_dim.
#include "ptx.cuh"

template <typename Move>
__device__ inline void each_place(u32 batch, u32 tokens, u32 heads, u32 head_dim, u32 parts, u32 part, u32 capacity,
                                  u32 first, Move move) {
    u64 n = u64(heads) * head_dim, count = u64(batch) * tokens * n, stride = u64(gridDim.x) * blockDim.x;
    for (u64 i = u64(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride) {
        u64 row = i / n, in_row = i % n;  // row: of all tokens
        u64 head = in_row / head_dim, d = in_row % head_dim;
        u64 entry = row / tokens, slot = first + row % tokens;
        move((row * parts + part) * n + in_row, ((entry * heads + head) * capacity + slot) * head_dim + d);
    }
}

extern "C" __global__ void split_heads(u32 batch, u32 tokens, u32 heads, u32 head_dim, u32 parts, u32 part, u32 capacity,
                                       u32 first, const float* rows, float* by_head) {
    each_place(batch, tokens, heads, head_dim, parts, part, capacity, first,
               [&](u64 in_rows, u64 in_heads) { by_head[in_heads] = rows[in_rows]; });
}

extern "C" __global__ void join_heads(u32 batch, u32 tokens, u32 heads, u32 head_dim, u32 parts, u32 part, u32 capacity,
                                      u32 first, const float* by_head, float* rows) {
    each_place(batch, tokens, heads, head_dim, parts, part, capacity, first,
               [&](u64 in_rows, u64 in_heads) { rows[in_rows] = by_head[in_heads]; });
}
