// A block a row: sums over a row, and its softmax's maximum and sum, the same to every thread of the block.
//
// Each thread has a part of every ROW_THREADSth element. Parts meet across a warp by shuffles, then across the warps through shared
// memory, in an order that is fixed: the same bits in every run.
#pragma once
#include "lanes.cuh"

constexpr u32 ROW_THREADS = 256;
constexpr u32 ROW_WARPS = ROW_THREADS / 32;

// The sum of all threads' parts.
__device__ inline float sum_over_row(float mine) {
    __shared__ float partial[ROW_WARPS];
    mine = sum_over_lanes<32>(mine);
    if (threadIdx.x % 32 == 0) {
        partial[threadIdx.x / 32] = mine;
    }
    __syncthreads();
    float all = partial[0];
    for (u32 warp = 1; warp < ROW_WARPS; ++warp) {
        all += partial[warp];
    }
    __syncthreads();  // nobody may write `partial` for the next row before everybody has read it
    return all;
}

// A softmax under way.
struct Online {
    float max;
    float sum;  // of exp(x − max)
};

// exp(x − max), where max is at least x; exp(−∞ − −∞) counts as 0. A NaN stays one, and +∞ becomes one.
__device__ inline float exp_of_difference(float x, float max) {
    return x == minus_infinity() ? 0.0f : exp2_approx((x - max) * LOG2_E);
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
__device__ inline Online merge_over_row(Online mine) {
    __shared__ Online partial[ROW_WARPS];
    mine = merge_warp(mine);
    if (threadIdx.x % 32 == 0) {
        partial[threadIdx.x / 32] = mine;
    }
    __syncthreads();
    Online all = partial[0];
    for (u32 warp = 1; warp < ROW_WARPS; ++warp) {
        all = merge(all, partial[warp]);
    }
    __syncthreads();  // nobody may write `partial` for the next row before everybody has read it
    return all;
}
