// Tensor cores, asynchronous copies and shuffles, through inline assembly, as matrix kernels use them.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cstdint>

template <int BYTES>
__device__ __forceinline__ void copy_async(void *to, const void *from)
{
    uint32_t shared = static_cast<uint32_t>(__cvta_generic_to_shared(to));
    asm volatile("cp.async.cg.shared.global [%0], [%1], %2;" ::"r"(shared), "l"(from), "n"(BYTES));
}

__device__ __forceinline__ void multiply(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2])
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// One warp: c (16×8) = a (16×16) · b (16×8).
extern "C" __global__ void __launch_bounds__(32, 4)
tile(float *__restrict__ c, const __nv_bfloat16 *__restrict__ a, const __nv_bfloat16 *__restrict__ b)
{
    __shared__ __align__(16) __nv_bfloat16 as[16][24];
    __shared__ __align__(16) __nv_bfloat16 bs[16][8];
    const int lane = threadIdx.x;
    copy_async<16>(&as[lane / 2][8 * (lane % 2)], a + 8 * lane);
    if (lane < 16)
        copy_async<16>(&bs[lane][0], b + 8 * lane);
    asm volatile("cp.async.commit_group;");
    asm volatile("cp.async.wait_group %0;" ::"n"(0));
    __syncthreads();

    uint32_t fragment_a[4], fragment_b[2];
    uint32_t from = static_cast<uint32_t>(__cvta_generic_to_shared(&as[lane % 16][8 * (lane / 16)]));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(fragment_a[0]), "=r"(fragment_a[1]), "=r"(fragment_a[2]), "=r"(fragment_a[3]) : "r"(from));
    from = static_cast<uint32_t>(__cvta_generic_to_shared(&bs[lane % 16][0]));
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
                 : "=r"(fragment_b[0]), "=r"(fragment_b[1]) : "r"(from));
    float sum[4] = {0.f, 0.f, 0.f, 0.f};
    multiply(sum, fragment_a, fragment_b);
    const int row = lane / 4, column = 2 * (lane % 4);
    *reinterpret_cast<float2 *>(&c[8 * row + column]) = make_float2(sum[0], sum[1]);
    *reinterpret_cast<float2 *>(&c[8 * (row + 8) + column]) = make_float2(sum[2], sum[3]);
}

// Softmax of a row by one warp, with a block of inline assembly that has a scope, a label and a guard of its own.
extern "C" __global__ void softmax(__half *out, const float *in, int columns)
{
    extern __shared__ float4 scratch[];
    const float *row = in + static_cast<long long>(blockIdx.x) * columns;
    float largest = -INFINITY;
    for (int i = threadIdx.x; i < columns; i += 32)
        largest = fmaxf(largest, row[i]);
    for (int step = 16; step > 0; step /= 2)
        largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, step));
    float sum = 0.f;
    for (int i = threadIdx.x; i < columns; i += 32)
        sum += __expf(row[i] - largest);
    for (int step = 16; step > 0; step /= 2)
        sum += __shfl_down_sync(0xffffffffu, sum, step);
    uint32_t bits = __float_as_uint(__shfl_sync(0xffffffffu, sum, 0)), positive;
    asm("{\n\t.reg .pred p;\n\tsetp.gt.s32 p, %1, 0;\n\t@!p bra no;\n\tmov.u32 %0, 1;\n\tbra done;\nno:\n\tmov.u32 %0, 0;\ndone:\n\t}"
        : "=r"(positive) : "r"(bits));
    reinterpret_cast<float *>(scratch)[threadIdx.x] = __uint_as_float(bits);
    __syncwarp();
    for (int i = threadIdx.x; i < columns && positive; i += 32)
        out[static_cast<long long>(blockIdx.x) * columns + i] =
            __float2half(__expf(row[i] - largest) / reinterpret_cast<float *>(scratch)[i % 32]);
}
