// C ← alpha·op(A)·op(B) + beta·C through tiles in shared memory; op(X) is X or its transpose. In f32 and in f64.
//
// The plain version is matmul_naive.cu. What changes here, and why:
// 1. The loop over p is cut into slabs of 32. For each, the 1,024 threads of a block copy a 32×32 tile of A and one of B to
//    shared memory, one element each, and then every thread reads its 64 numbers from there. A number is read from global
//    memory once for 32 threads: traffic falls by 32. (CUDA C++ Programming Guide, 3.2.4 "Shared Memory")
// 2. Two barriers a slab: no thread may multiply before the tiles are whole, nor overwrite them while another multiplies.
// 3. A transposed operand is read along its rows all the same, so that a warp's reads are neighbours, and turned on the way
//    into shared memory. Backward passes need it: dA = dC·Bᵀ, dB = Aᵀ·dC.
// 4. Rows of a tile are 33 elements apart. With 32, the column that a transposed store writes would lie in one of the 32
//    banks and take 32 turns; with 33 it lies in all. (Best Practices Guide, 9.2.3 "Shared Memory and Memory Banks")
// 5. Elements outside the matrix enter the tile as 0 and add nothing, so any size works and no thread leaves before the last
//    barrier.
//
// Shared memory is read without conflicts: in the product a warp has one y, so A's element is one address for all lanes, and
// B's are 32 neighbours. What stays slow: two shared loads for each multiply-add. matmul_register.cu keeps numbers longer.
#include "tile.cuh"

constexpr u32 TILE = 32;

template <typename T>
struct Operand {
    const T* data;
    u32 rows, columns, leading;  // of op(data); `leading` elements lie between the starts of rows of `data`
    bool transposed;

    __device__ T at(u32 row, u32 column) const {
        if (row >= rows || column >= columns) {
            return T(0);
        }
        return transposed ? data[u64(column) * leading + row] : data[u64(row) * leading + column];
    }

    // tile[r][c] ← op(data)[row + r][column + c]; threadIdx.x runs along the rows of `data`.
    __device__ void copy(T (&tile)[TILE][TILE + 1], u32 row, u32 column) const {
        u32 r = transposed ? threadIdx.x : threadIdx.y;
        u32 c = transposed ? threadIdx.y : threadIdx.x;
        tile[r][c] = at(row + r, column + c);
    }
};

template <typename T>
__device__ void matmul_tiled(u32 k, T alpha, Operand<T> a, Operand<T> b, T beta, T* c, u32 ldc) {
    __shared__ T a_tile[TILE][TILE + 1];
    __shared__ T b_tile[TILE][TILE + 1];
    u32 tiles_across = ceil_div(b.columns, TILE);
    u32 row = blockIdx.x / tiles_across * TILE;
    u32 column = blockIdx.x % tiles_across * TILE;

    T sum = T(0);
    u32 slabs = alpha == T(0) ? 0 : ceil_div(k, TILE);
    for (u32 slab = 0; slab < slabs; ++slab) {
        a.copy(a_tile, row, slab * TILE);
        b.copy(b_tile, slab * TILE, column);
        __syncthreads();
#pragma unroll
        for (u32 p = 0; p < TILE; ++p) {
            sum += a_tile[threadIdx.y][p] * b_tile[p][threadIdx.x];
        }
        __syncthreads();
    }

    row += threadIdx.y;
    column += threadIdx.x;
    if (row < a.rows && column < b.columns) {
        T* place = c + u64(row) * ldc + column;
        *place = beta == T(0) ? alpha * sum : alpha * sum + beta * *place;
    }
}

extern "C" __global__ void __launch_bounds__(TILE* TILE)
    matmul_tiled_f32(u32 m, u32 n, u32 k, float alpha, const float* a, u32 lda, u32 transpose_a, const float* b, u32 ldb,
                     u32 transpose_b, float beta, float* c, u32 ldc) {
    matmul_tiled<float>(k, alpha, {a, m, k, lda, transpose_a != 0}, {b, k, n, ldb, transpose_b != 0}, beta, c, ldc);
}

extern "C" __global__ void __launch_bounds__(TILE* TILE)
    matmul_tiled_f64(u32 m, u32 n, u32 k, double alpha, const double* a, u32 lda, u32 transpose_a, const double* b, u32 ldb,
                     u32 transpose_b, double beta, double* c, u32 ldc) {
    matmul_tiled<double>(k, alpha, {a, m, k, lda, transpose_a != 0}, {b, k, n, ldb, transpose_b != 0}, beta, c, ldc);
}
