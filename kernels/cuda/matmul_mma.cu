// C ← alpha·A·B + beta·C on tensor cores: A and B in bf16 or f16, sums and C in f32.
//
// The plain version is matmul_naive.cu, the one in f32 registers matmul_register.cu. What changes here, and why:
// 1. One instruction of a warp, mma.m16n8k16, multiplies a 16×16 by a 16×8 matrix and adds: 2,048 multiply-adds, where 32 lanes
//    would need 64 fma each. Products of 16-bit numbers are exact in f32; sums are kept in f32. (PTX ISA, "Warp Level
//    Matrix Multiply-Accumulate Instructions")
// 2. Operands must lie spread over the lanes in a fixed pattern. ldmatrix brings a 16×16 piece from shared memory into that
//    pattern in one instruction, transposing B on the way. (ptx.cuh has the patterns)
// 3. A warp owns 64×32 of the block's 128×128 elements: 4×4 pieces of 16×8, for each 16 of k 6 ldmatrix for 16 mma.
// 4. Rows in shared memory are permuted by an exclusive or, so that neither copies nor ldmatrix meet a bank conflict. (half.cuh)
// 5. Two buffers and cp.async, as in matmul_register.cu: one wait and one barrier for each 32 of k.
// 6. Any size: zeros outside; where rows are not aligned to 16 bytes, numbers are read one by one.
#include "half.cuh"

constexpr u32 BLOCK_M = 128;
constexpr u32 BLOCK_N = 128;
constexpr u32 BLOCK_K = 32;
constexpr u32 THREADS = 256;
constexpr u32 WARP_M = 64;
constexpr u32 WARP_N = 32;
constexpr u32 WARPS_ACROSS = BLOCK_N / WARP_N;
constexpr u32 PIECES_M = WARP_M / 16;
constexpr u32 PIECES_N = WARP_N / 8;

struct Stage {
    u16 a[BLOCK_M * BLOCK_K];  // [row][p], permuted
    u16 b[BLOCK_K * BLOCK_N];  // [p][column], permuted
};

struct Bf16 {
    static __device__ void multiply(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
        mma_m16n8k16_bf16(d, a, b0, b1);
    }
};

struct F16 {
    static __device__ void multiply(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
        mma_m16n8k16_f16(d, a, b0, b1);
    }
};

__device__ inline void copy_slab(Stage& stage, const HalfMatrix& a, const HalfMatrix& b, u32 row, u32 column, u32 p) {
    copy_half_window<BLOCK_M, BLOCK_K, THREADS>(stage.a, a, row, p);
    copy_half_window<BLOCK_K, BLOCK_N, THREADS>(stage.b, b, p, column);
    cp_async_commit();
}

// sums += the warp's rows of the slab of A · its columns of the slab of B.
template <typename Number>
__device__ inline void multiply_slab(float (&sums)[PIECES_M][PIECES_N][4], const Stage& stage, u32 row, u32 column) {
#pragma unroll
    for (u32 p = 0; p < BLOCK_K; p += 16) {
        u32 a[PIECES_M][4], b[PIECES_N / 2][4];
#pragma unroll
        for (u32 i = 0; i < PIECES_M; ++i) {
            load_a<BLOCK_K>(a[i], stage.a, row + 16 * i, p);
        }
#pragma unroll
        for (u32 j = 0; j < PIECES_N / 2; ++j) {
            load_b<BLOCK_N>(b[j], stage.b, p, column + 16 * j);
        }
#pragma unroll
        for (u32 i = 0; i < PIECES_M; ++i) {
#pragma unroll
            for (u32 j = 0; j < PIECES_N; ++j) {
                Number::multiply(sums[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
            }
        }
    }
}

// Two neighbours of a row of C, as far as they are inside.
__device__ inline void store_2(float* c, u32 inside, bool aligned, float alpha, float first, float second, float beta) {
    if (inside >= 2 && aligned && beta == 0.0f) {
        *reinterpret_cast<float2*>(c) = make_float2(alpha * first, alpha * second);
        return;
    }
    c[0] = beta == 0.0f ? alpha * first : alpha * first + beta * c[0];
    if (inside >= 2) {
        c[1] = beta == 0.0f ? alpha * second : alpha * second + beta * c[1];
    }
}

template <typename Number>
__device__ void matmul_mma(const HalfMatrix& a, const HalfMatrix& b, float alpha, float beta, float* c, u32 ldc) {
    __shared__ __align__(16) Stage stages[2];
    u32 m = a.rows, n = b.columns;
    u32 tiles_across = ceil_div(n, BLOCK_N);
    u32 block_row = blockIdx.x / tiles_across * BLOCK_M;
    u32 block_column = blockIdx.x % tiles_across * BLOCK_N;
    u32 warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    u32 row = warp / WARPS_ACROSS * WARP_M, column = warp % WARPS_ACROSS * WARP_N;  // the warp's, within the block

    float sums[PIECES_M][PIECES_N][4] = {};
    u32 slabs = alpha == 0.0f ? 0 : ceil_div(a.columns, BLOCK_K);
    if (slabs > 0) {
        copy_slab(stages[0], a, b, block_row, block_column, 0);
    }
    for (u32 slab = 0; slab < slabs; ++slab) {
        cp_async_wait<0>();
        __syncthreads();
        if (slab + 1 < slabs) {
            copy_slab(stages[(slab + 1) % 2], a, b, block_row, block_column, (slab + 1) * BLOCK_K);
        }
        multiply_slab<Number>(sums, stages[slab % 2], row, column);
    }

    bool aligned = reinterpret_cast<u64>(c) % 8 == 0 && ldc % 2 == 0;
    row += block_row + lane / 4;
    column += block_column + lane % 4 * 2;
#pragma unroll
    for (u32 i = 0; i < 2 * PIECES_M; ++i) {  // a piece has two rows for a lane, eight apart
#pragma unroll
        for (u32 j = 0; j < PIECES_N; ++j) {
            u32 r = row + 8 * i, s = column + 8 * j;
            const float* pair = &sums[i / 2][j][i % 2 * 2];
            if (r < m && s < n) {
                store_2(c + u64(r) * ldc + s, n - s, aligned, alpha, pair[0], pair[1], beta);
            }
        }
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 2)
    matmul_mma_bf16(u32 m, u32 n, u32 k, float alpha, const u16* a, u32 lda, const u16* b, u32 ldb, float beta, float* c,
                    u32 ldc) {
    matmul_mma<Bf16>(half_matrix(a, m, k, lda), half_matrix(b, k, n, ldb), alpha, beta, c, ldc);
}

extern "C" __global__ void __launch_bounds__(THREADS, 2)
    matmul_mma_f16(u32 m, u32 n, u32 k, float alpha, const u16* a, u32 lda, const u16* b, u32 ldb, float beta, float* c,
                   u32 ldc) {
    matmul_mma<F16>(half_matrix(a, m, k, lda), half_matrix(b, k, n, ldb), alpha, beta, c, ldc);
}
