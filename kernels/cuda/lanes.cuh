// Lanes of a warp that put their numbers together.
#pragma once
#include "ptx.cuh"

constexpr float LOG2_E = 1.4426950408889634f;  // exp(x) = 2^(x·log₂e)

// Maximum and sum over WIDTH neighbouring lanes, a power of two; all of them receive it.
template <u32 WIDTH>
__device__ inline float max_over_lanes(float x) {
#pragma unroll
    for (u32 distance = WIDTH / 2; distance > 0; distance /= 2) {
        x = fmaxf(x, __shfl_xor_sync(FULL_WARP, x, distance));
    }
    return x;
}

template <u32 WIDTH>
__device__ inline float sum_over_lanes(float x) {
#pragma unroll
    for (u32 distance = WIDTH / 2; distance > 0; distance /= 2) {
        x += __shfl_xor_sync(FULL_WARP, x, distance);
    }
    return x;
}
