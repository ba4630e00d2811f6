// C ← alpha·A·B + beta·C in f32, eight by eight elements a thread.
//
// The plain version is matmul_naive.cu, the one with tiles matmul_tiled.cu. What changes here, and why:
// 1. A thread owns 8×8 elements of C, in registers. For each p it needs 8 numbers of A and 8 of B for 64 multiply-adds: an
//    eighth of the shared-memory reads of the tiled kernel for each of them. (Volkov & Demmel 2008, "Benchmarking GPUs to
//    tune dense linear algebra")
// 2. Shared memory is read four floats at a time, 4 of A's row along p and 4 of B's row along n: 16 reads of 16 bytes for 256
//    multiply-adds.
// 3. A warp owns 32×64 of the block's 128×128 elements, as 4×8 lanes. The eight lanes of one y read one address of A, which
//    is broadcast, and 128 neighbouring bytes of B, which is every bank once: no conflicts. (S. Boehm 2022, "How to Optimize
//    a CUDA Matmul Kernel", warp tiling; CUTLASS, "Efficient GEMM in CUDA")
// 4. Two buffers. While slab s is multiplied, cp.async brings slab s+1 from global to shared memory past the registers. One
//    wait and one barrier a slab: after it, slab s is whole and nobody reads slab s−1 any more, so that its buffer is free.
// 5. Any size: cp.async writes zeros for what lies outside. Where rows do not start at multiples of 16 bytes, it copies 4
//    bytes at a time.
//
//     block 128×128:  warp 0 | warp 1      warp 32×64:  lane 0 … 7: columns 0-31 and 32-63, 4 each a lane
//                     warp 2 | warp 3                   lane / 8:   rows, 8 each
//                     warp 4 | warp 5
//                     warp 6 | warp 7
#include "tile.cuh"

constexpr u32 BLOCK_M = 128;
constexpr u32 BLOCK_N = 128;
constexpr u32 BLOCK_K = 16;
constexpr u32 THREADS = 256;
constexpr u32 WARP_M = 32;
constexpr u32 WARP_N = 64;
constexpr u32 WARPS_ACROSS = BLOCK_N / WARP_N;
constexpr u32 ROWS = 8;     // of a thread: 8 rows in sequence
constexpr u32 COLUMNS = 8;  // of a thread: 4 in each half of the warp's columns

struct Stage {
    float a[BLOCK_M * BLOCK_K];  // [row][p]
    float b[BLOCK_K * BLOCK_N];  // [p][column]
};

__device__ inline void copy_slab_async(Stage& stage, const Matrix& a, const Matrix& b, u32 row, u32 column, u32 p) {
    copy_window_async<BLOCK_M, BLOCK_K, BLOCK_K, THREADS>(stage.a, a, row, p);
    copy_window_async<BLOCK_K, BLOCK_N, BLOCK_N, THREADS>(stage.b, b, p, column);
    cp_async_commit();
}

// sums += the thread's rows of the slab of A · its columns of the slab of B.
__device__ inline void multiply_slab(float (&sums)[ROWS][COLUMNS], const Stage& stage, u32 row, u32 column) {
#pragma unroll
    for (u32 p = 0; p < BLOCK_K; p += 4) {
        float a[ROWS][4];
#pragma unroll
        for (u32 i = 0; i < ROWS; ++i) {
            load_4(a[i], &stage.a[(row + i) * BLOCK_K + p]);
        }
#pragma unroll
        for (u32 q = 0; q < 4; ++q) {
            float b[2][4];
            load_4(b[0], &stage.b[(p + q) * BLOCK_N + column]);
            load_4(b[1], &stage.b[(p + q) * BLOCK_N + column + WARP_N / 2]);
#pragma unroll
            for (u32 i = 0; i < ROWS; ++i) {
#pragma unroll
                for (u32 j = 0; j < COLUMNS; ++j) {
                    sums[i][j] += a[i][q] * b[j / 4][j % 4];
                }
            }
        }
    }
}

// Four neighbours of a row of C, as far as they are inside.
__device__ inline void store_4(float* c, u32 inside, bool aligned, float alpha, const float* sums, float beta) {
    if (inside >= 4 && aligned && beta == 0.0f) {
        *reinterpret_cast<float4*>(c) = make_float4(alpha * sums[0], alpha * sums[1], alpha * sums[2], alpha * sums[3]);
        return;
    }
#pragma unroll
    for (u32 j = 0; j < 4; ++j) {
        if (j < inside) {
            c[j] = beta == 0.0f ? alpha * sums[j] : alpha * sums[j] + beta * c[j];
        }
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 2)
    matmul_register(u32 m, u32 n, u32 k, float alpha, const float* a, u32 lda, const float* b, u32 ldb, float beta, float* c,
                    u32 ldc) {
    __shared__ __align__(16) Stage stages[2];
    u32 tiles_across = ceil_div(n, BLOCK_N);
    u32 block_row = blockIdx.x / tiles_across * BLOCK_M;
    u32 block_column = blockIdx.x % tiles_across * BLOCK_N;
    u32 warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    u32 row = warp / WARPS_ACROSS * WARP_M + lane / 8 * ROWS;  // the thread's first, within the block
    u32 column = warp % WARPS_ACROSS * WARP_N + lane % 8 * 4;

    Matrix a_matrix = matrix(a, m, k, lda), b_matrix = matrix(b, k, n, ldb);
    float sums[ROWS][COLUMNS] = {};
    u32 slabs = alpha == 0.0f ? 0 : ceil_div(k, BLOCK_K);
    if (slabs > 0) {
        copy_slab_async(stages[0], a_matrix, b_matrix, block_row, block_column, 0);
    }
    for (u32 slab = 0; slab < slabs; ++slab) {
        cp_async_wait<0>();
        __syncthreads();
        if (slab + 1 < slabs) {
            copy_slab_async(stages[(slab + 1) % 2], a_matrix, b_matrix, block_row, block_column, (slab + 1) * BLOCK_K);
        }
        multiply_slab(sums, stages[slab % 2], row, column);
    }

    bool aligned = rows_are_aligned(c, ldc);
#pragma unroll
    for (u32 i = 0; i < ROWS; ++i) {
#pragma unroll
        for (u32 half = 0; half < 2; ++half) {
            u32 r = block_row + row + i, j = block_column + column + half * (WARP_N / 2);
            if (r < m && j < n) {
                store_4(c + u64(r) * ldc + j, n - j, aligned, alpha, &sums[i][4 * half], beta);
            }
        }
    }
}
