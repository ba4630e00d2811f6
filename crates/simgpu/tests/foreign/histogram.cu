// Atomics in shared and in global memory.
//
//     histogram(const unsigned char* data, unsigned* bins, int n)    bins[256] += counts; a block counts in shared memory first
//     extremes(const int* data, int* min_max, int n)                 min_max[0] = min, [1] = max with what is there
//     float_max(const float* data, float* result, int n)             by a compare-and-swap loop
//     claim(unsigned* owner, unsigned* ticket, int n)                owner[i mod 8] by atomicCAS from 0 to i + 1, a ticket each by
//                                                                    atomicInc modulo 1000

extern "C" __global__ void histogram(const unsigned char* data, unsigned* bins, int n) {
    __shared__ unsigned local[256];
    for (int i = threadIdx.x; i < 256; i += blockDim.x) local[i] = 0;
    __syncthreads();
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicAdd(&local[data[i]], 1u);
    __syncthreads();
    for (int i = threadIdx.x; i < 256; i += blockDim.x) {
        if (local[i]) atomicAdd(&bins[i], local[i]);
    }
}

extern "C" __global__ void extremes(const int* data, int* min_max, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        atomicMin(&min_max[0], data[i]);
        atomicMax(&min_max[1], data[i]);
    }
}

__device__ float atomic_max_float(float* address, float value) {
    int* bits = (int*)address;
    int seen = *bits, assumed;
    do {
        assumed = seen;
        if (__int_as_float(assumed) >= value) break;
        seen = atomicCAS(bits, assumed, __float_as_int(value));
    } while (seen != assumed);
    return __int_as_float(seen);
}

extern "C" __global__ void float_max(const float* data, float* result, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) atomic_max_float(result, data[i]);
}

extern "C" __global__ void claim(unsigned* owner, unsigned* ticket, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    atomicCAS(&owner[i % 8], 0u, (unsigned)i + 1u);
    atomicInc(ticket, 999u);
}
