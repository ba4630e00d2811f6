// Library functions, 64-bit and double arithmetic, bit tricks, a switch, recursion.
//
//     elementary(const float* x, float* out, int n, int which)    out[i] = the function that `which` names (0 … 9), else NaN
//     divide64(const long long* a, const long long* b, long long* out, int n)      out[2i] = a/b, out[2i + 1] = a mod b, signed
//     divide64u(const unsigned long long* a, const unsigned long long* b, unsigned long long* out, int n)     the same, unsigned
//     doubles(const double* x, double* out, int n)                out[4i …] = √x, 1/x, x·x + x by fma, floor(x)
//     bits(const unsigned* x, unsigned* out, int n)               out[6i …] = popc, clz, brev, ffs, bytes reversed, rotated left by 5
//     fibonacci(const int* x, int* out, int n)                    recursive: keep x below 12

extern "C" __global__ void elementary(const float* x, float* out, int n, int which) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float v = x[i], result;
    switch (which) {
        case 0: result = sqrtf(v); break;
        case 1: result = 1.0f / v; break;
        case 2: result = v / 3.0f; break;
        case 3: result = sinf(v); break;
        case 4: result = expf(v); break;
        case 5: result = logf(v); break;
        case 6: result = tanhf(v); break;
        case 7: result = rsqrtf(v); break;
        case 8: result = __sinf(v) + __cosf(v); break;
        case 9: result = powf(v, 2.5f); break;
        default: result = __int_as_float(0x7fffffff);
    }
    out[i] = result;
}

extern "C" __global__ void divide64(const long long* a, const long long* b, long long* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        out[2 * i] = a[i] / b[i];
        out[2 * i + 1] = a[i] % b[i];
    }
}

extern "C" __global__ void divide64u(const unsigned long long* a, const unsigned long long* b, unsigned long long* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        out[2 * i] = a[i] / b[i];
        out[2 * i + 1] = a[i] % b[i];
    }
}

extern "C" __global__ void doubles(const double* x, double* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    out[4 * i] = sqrt(x[i]);
    out[4 * i + 1] = 1.0 / x[i];
    out[4 * i + 2] = fma(x[i], x[i], x[i]);
    out[4 * i + 3] = floor(x[i]);
}

extern "C" __global__ void bits(const unsigned* x, unsigned* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    out[6 * i] = __popc(x[i]);
    out[6 * i + 1] = __clz(x[i]);
    out[6 * i + 2] = __brev(x[i]);
    out[6 * i + 3] = __ffs(x[i]);
    out[6 * i + 4] = __byte_perm(x[i], 0, 0x0123);
    out[6 * i + 5] = __funnelshift_l(x[i], x[i], 5);
}

__device__ __noinline__ int fibonacci_of(int n) { return n < 2 ? n : fibonacci_of(n - 1) + fibonacci_of(n - 2); }

extern "C" __global__ void fibonacci(const int* x, int* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = fibonacci_of(x[i]);
}
