// What the language can say: tables, initial values, switches, calls, local arrays, atomics, 64-bit division, doubles.
#include <cmath>
#include <cstdint>
#include <cstdio>

__constant__ float weights[2][3] = {{1.f, 2.f, 3.f}, {4.f, 5.f}};
__constant__ double thirds[] = {1.0 / 3, 2.0 / 3};
__device__ int counter = 7;
__device__ int table[4] = {-1, 2, -3};
__device__ int *cursor = &table[2];
__device__ int *const corners[2] = {table, table + 3};
__device__ const char *greeting = "hello \"PTX\"\n";
__device__ unsigned short narrow[3] = {1, 65535};
__device__ float4 origin = {0.f, 1.f, 2.f, 3.f};
struct Pair
{
    char tag;
    double value;
};
__device__ Pair pairs[2] = {{'a', 0.5}, {'b', 2.5}};
static __device__ unsigned long long ticks;

template <typename T, int N>
struct Stack
{
    T items[N];
    int size = 0;
    __device__ __noinline__ bool push(T item)
    {
        if (size == N)
            return false;
        items[size++] = item;
        return true;
    }
};

__device__ __noinline__ int fibonacci(int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

__device__ __noinline__ Pair mix(Pair a, Pair b, double t)
{
    return {t < 0.5 ? a.tag : b.tag, a.value + t * (b.value - a.value)};
}

template <typename T>
__device__ T choose(int which, T a, T b)
{
    switch (which) {
    case 0: return a + b;
    case 1: return a - b;
    case 2: return a * b;
    case 3: return a / b;
    case 4: return a < b ? a : b;
    case 5: return a * a + b;
    case 6: return b - a * 3;
    case 7: return a + 2 * b;
    case 8: return a ^ b;
    default: return T(0);
    }
}

template <typename T>
__global__ void __launch_bounds__(128) numbers(T *out, const T *in, long long n)
{
    __shared__ T shared[128];
    Stack<T, 16> stack;
    for (long long i = threadIdx.x; i < n; i += blockDim.x)
        stack.push(in[i]);
    T sum = 0;
    for (int i = 0; i < stack.size; ++i)
        sum += choose<T>(int(in[i] & 15), stack.items[i], sum);
    shared[threadIdx.x] = sum;
    __syncthreads();
    const long long q = n / (in[0] + 1), r = n % (in[1] + 1);
    out[threadIdx.x] = shared[127 - threadIdx.x] + T(q) + T(r);
    atomicAdd(&counter, 1);
    atomicMax(&table[threadIdx.x & 3], fibonacci(threadIdx.x & 7));
    atomicCAS(&ticks, 1ull, 2ull);
    if (__any_sync(0xffffffffu, sum > 5))
        *cursor = __popc(__ballot_sync(0xffffffffu, sum & 1)) + *corners[q & 1];
}
template __global__ void numbers<int>(int *, const int *, long long);
template __global__ void numbers<long long>(long long *, const long long *, long long);

extern "C" __global__ void doubles(double *out, const Pair *in, Pair by_value, int n)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n)
        return;
    const Pair mixed = mix(in[i], i & 1 ? by_value : pairs[i & 1], thirds[i & 1]);
    out[i] = sin(mixed.value) * weights[i & 1][i % 3] + sqrt(fabs(mixed.value)) + origin.y + narrow[i % 3];
    if (isnan(out[i]))
        printf("%s%d %f\n", greeting, i, mixed.value);
}
