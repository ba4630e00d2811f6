// A step of Adam, with decoupled weight decay, and the squared length of a gradient to clip it by.
// (Kingma & Ba 2015, "Adam"; Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization")
//
// The plain loop; what depends on the step alone is calculated once, on the host:
//
//     rate = learning_rate / (1 − beta1^step)      correction = 1 / (1 − beta2^step)      kept = 1 − learning_rate · weight_decay
//     for i
//         g = clip * gradient[i]
//         first[i]  = beta1 * first[i]  + (1 − beta1) * g
//         second[i] = beta2 * second[i] + (1 − beta2) * g²
//         after[i]  = kept * before[i] − rate * first[i] / (sqrt(second[i] * correction) + epsilon)
//
// What changes here, and why:
// 1. A grid of any size walks over the arrays in strides. All four sums of a number stay in registers: each array is read or written once.
// 2. The new weights go to memory of their own, and a flag rises if one of them, or a gradient, is not finite: the host then keeps the
//    old ones. Every thread that raises the flag adds to it atomically, so that no two write at once; 0 is the only value that is read.
// 3. sum_of_squares leaves a sum a block, in f64: squares of f32 neither overflow nor vanish there, and the host adds up a few
//    dozen numbers in their order. No atomics: the same bits in every run.
//
// Bytes from and to global memory for `count` numbers: adam 4·7, sum_of_squares 4 and 8 a block.
#include "lanes.cuh"

constexpr u32 THREADS = 256;
constexpr u32 WARPS = THREADS / 32;

// NaN and both infinities have all bits of the exponent.
__device__ inline bool is_finite(float x) {
    return (__float_as_uint(x) & 0x7f800000u) != 0x7f800000u;
}

extern "C" __global__ void __launch_bounds__(THREADS)
    adam(u64 count, float clip, float beta1, float new1, float beta2, float new2, float rate, float correction,
         float epsilon, float kept, const float* gradient, const float* before, float* first, float* second, float* after,
         u32* not_finite) {
    u64 stride = u64(gridDim.x) * THREADS;
    for (u64 i = u64(blockIdx.x) * THREADS + threadIdx.x; i < count; i += stride) {
        float g = clip * gradient[i];
        float mean = beta1 * first[i] + new1 * g;
        float mean_square = beta2 * second[i] + new2 * (g * g);
        float weight = kept * before[i] - rate * mean / (sqrtf(mean_square * correction) + epsilon);
        first[i] = mean;
        second[i] = mean_square;
        after[i] = weight;
        if (!is_finite(gradient[i]) || !is_finite(weight)) {
            atomicAdd(not_finite, 1u);
        }
    }
}

// partial[block] = Σ x[i]² over the numbers of the block.
extern "C" __global__ void __launch_bounds__(THREADS) sum_of_squares(u64 count, const float* x, double* partial) {
    __shared__ double of_warp[WARPS];
    u64 stride = u64(gridDim.x) * THREADS;
    double sum = 0.0;
    for (u64 i = u64(blockIdx.x) * THREADS + threadIdx.x; i < count; i += stride) {
        sum += double(x[i]) * double(x[i]);
    }
#pragma unroll
    for (u32 distance = 16; distance > 0; distance /= 2) {
        sum += __shfl_xor_sync(FULL_WARP, sum, distance);
    }
    if (threadIdx.x % 32 == 0) {
        of_warp[threadIdx.x / 32] = sum;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        double all = 0.0;
        for (u32 warp = 0; warp < WARPS; ++warp) {
            all += of_warp[warp];
        }
        partial[blockIdx.x] = all;
    }
}
