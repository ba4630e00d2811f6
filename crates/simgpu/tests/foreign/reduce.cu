// Sum, maximum and a count, in the style of older CUDA code: templates, a functor passed by value, dynamic shared memory,
// __shfl_down_sync and __ballot_sync.
//
//     reduce_sum(const float* in, float* out, int n)     out[block] = Σ of the block's elements; grid-stride
//     reduce_max(const float* in, float* out, int n)     out[block] = the largest of them
//     count_positive(const int* in, int* out, int n)     *out += how many are > 0; a multiple of 32 threads a block
// Dynamic shared memory of the first two: 4 bytes a warp.

struct Add {
    float identity;
    __device__ float operator()(float a, float b) const { return a + b; }
};

struct Max {
    float identity;
    __device__ float operator()(float a, float b) const { return a > b ? a : b; }
};

template <typename Op>
__device__ float warp_reduce(float value, Op op) {
    for (int offset = warpSize / 2; offset > 0; offset >>= 1) {
        value = op(value, __shfl_down_sync(0xffffffff, value, offset));
    }
    return value;
}

template <typename Op>
__device__ void block_reduce(const float* in, float* out, int n, Op op) {
    extern __shared__ float warp_results[];
    float value = op.identity;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += blockDim.x * gridDim.x) {
        value = op(value, in[i]);
    }
    value = warp_reduce(value, op);
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    if (lane == 0) warp_results[warp] = value;
    __syncthreads();
    if (warp == 0) {
        int warps = (blockDim.x + 31) / 32;
        value = lane < warps ? warp_results[lane] : op.identity;
        value = warp_reduce(value, op);
        if (lane == 0) out[blockIdx.x] = value;
    }
}

extern "C" __global__ void reduce_sum(const float* in, float* out, int n) { block_reduce(in, out, n, Add{0.0f}); }

extern "C" __global__ void reduce_max(const float* in, float* out, int n) { block_reduce(in, out, n, Max{-3.402823466e38f}); }

extern "C" __global__ void count_positive(const int* in, int* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    bool positive = i < n && in[i] > 0;
    unsigned votes = __ballot_sync(0xffffffff, positive);
    if ((threadIdx.x & 31) == 0) atomicAdd(out, __popc(votes));
}
