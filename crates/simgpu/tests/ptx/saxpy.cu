// For NVRTC: no headers. A grid-stride loop, a table that is sought by bits, statics with initial values.
__constant__ int offsets[4] = {0, -1, 1, 2};
static __device__ unsigned long long calls = 40;

template <typename T>
__device__ T clamp(T x, T low, T high) { return x < low ? low : x > high ? high : x; }

extern "C" __global__ void __launch_bounds__(256) saxpy(float *y, const float *__restrict__ x, float a, int n)
{
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
        y[i] = a * x[clamp(i + offsets[i & 3], 0, n - 1)] + y[i];
    if (threadIdx.x == 0)
        atomicAdd(&calls, 2ull);
}
