// Softmax of each row of a row-major matrix: out[i][j] = exp(in[i][j] − max) / Σ exp(in[i][·] − max), max of row i.
//
// The plain loops, three passes over a row:
//
//     max = largest of row                 (so that no exponential overflows)
//     sum = Σ exp(row[j] - max)
//     row[j] = exp(row[j] - max) / sum
//
// What changes here, and why:
// 1. The first two passes are one. A running sum is relative to the running maximum; when the maximum grows from m to m', the
//    sum so far is multiplied by exp(m − m'). (Milakov & Gimelshein 2018, "Online normalizer calculation for softmax")
// 2. A block of 256 threads a row. Each thread keeps a (maximum, sum) of every 256th element; pairs are merged by the same rule,
//    first across a warp by shuffles (five steps, no memory), then across the eight warps through shared memory. The order
//    is fixed, so the result is too.
// 3. exp(x) = 2^(x·log₂e): the hardware has 2^x as one instruction.
//
// A row in which everything is −∞ (all masked) becomes 0, not NaN.
#include "ptx.cuh"

constexpr u32 THREADS = 256;
constexpr u32 WARPS = THREADS / 32;
constexpr float LOG2_E = 1.4426950408889634f;

struct Online {
    float max;
    float sum;  // of exp(x − max)
};

// The difference of two numbers of which the second is at least the first; −∞ − −∞ counts as −∞: exp of it is 0.
__device__ inline float exp_of_difference(float x, float max) {
    return max == minus_infinity() ? 0.0f : exp2_approx((x - max) * LOG2_E);
}

__device__ inline Online merge(Online a, Online b) {
    float max = fmaxf(a.max, b.max);
    return {max, a.sum * exp_of_difference(a.max, max) + b.sum * exp_of_difference(b.max, max)};
}

__device__ inline Online merge_warp(Online mine) {
#pragma unroll
    for (u32 distance = 16; distance > 0; distance /= 2) {
        Online other = {__shfl_xor_sync(FULL_WARP, mine.max, distance), __shfl_xor_sync(FULL_WARP, mine.sum, distance)};
        mine = merge(mine, other);
    }
    return mine;
}

// Every thread receives the merged pair of all.
__device__ inline Online merge_block(Online mine) {
    __shared__ Online partial[WARPS];
    mine = merge_warp(mine);
    if (threadIdx.x % 32 == 0) {
        partial[threadIdx.x / 32] = mine;
    }
    __syncthreads();
    Online all = partial[0];
    for (u32 warp = 1; warp < WARPS; ++warp) {
        all = merge(all, partial[warp]);
    }
    __syncthreads();  // nobody may write `partial` for the next row before everybody has read it
    return all;
}

extern "C" __global__ void __launch_bounds__(THREADS) softmax(u32 rows, u32 columns, const float* input, float* output) {
    for (u32 row = blockIdx.x; row < rows; row += gridDim.x) {
        const float* in = input + u64(row) * columns;
        float* out = output + u64(row) * columns;
        Online mine = {minus_infinity(), 0.0f};
        for (u32 j = threadIdx.x; j < columns; j += THREADS) {
            mine = merge(mine, {in[j], 1.0f});
        }
        Online all = merge_block(mine);
        float inverse = all.sum == 0.0f ? 0.0f : 1.0f / all.sum;
        for (u32 j = threadIdx.x; j < columns; j += THREADS) {
            out[j] = exp_of_difference(in[j], all.max) * inverse;
        }
    }
}
