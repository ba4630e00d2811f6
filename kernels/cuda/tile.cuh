// What the tiled kernels share: sizes, and copies from a matrix in global memory to a tile in shared memory.
#pragma once
#include "ptx.cuh"

__device__ constexpr u32 ceil_div(u32 size, u32 tile) {
    return size / tile + (size % tile != 0);
}

// Whether rows can be copied 16 bytes at a time: each of them starts at a multiple of 16.
template <typename T>
__device__ inline bool rows_are_aligned(const T* matrix, u32 leading) {
    return reinterpret_cast<u64>(matrix) % 16 == 0 && leading % (16 / sizeof(T)) == 0;
}

// A row-major matrix: element (row, column) is data[row·leading + column]. The product takes 64 bits.
struct Matrix {
    const float* data;
    u32 rows, columns, leading;
    bool aligned;
};

__device__ inline Matrix matrix(const float* data, u32 rows, u32 columns, u32 leading) {
    return Matrix{data, rows, columns, leading, rows_are_aligned(data, leading)};
}

// Starts the copy of 4·N bytes, N neighbours of one row; those outside the matrix become 0.
template <int N>
__device__ inline void copy_neighbours_async(float* to, const Matrix& from, u32 row, u32 column) {
    u32 inside = row < from.rows && column < from.columns ? min(from.columns - column, u32(N)) : 0;
    const float* source = inside ? from.data + u64(row) * from.leading + column : from.data;
    if (N == 4) {
        cp_async_16(to, source, 4 * inside);
    } else {
        cp_async_4(to, source, 4 * inside);
    }
}

// Starts the copy of the ROWS×COLUMNS window at (row, column) to `tile`, whose rows are STRIDE floats apart; what lies
// outside the matrix becomes 0. All THREADS threads of the block take part: neighbours copy neighbours, so that a warp
// reads whole lines and writes each bank once.
template <int ROWS, int COLUMNS, int STRIDE, int THREADS>
__device__ inline void copy_window_async(float* tile, const Matrix& from, u32 row, u32 column) {
    if (from.aligned) {
        constexpr int CHUNKS = COLUMNS / 4;  // of 16 bytes, a row
        static_assert(COLUMNS % 4 == 0 && STRIDE % 4 == 0, "a 16-byte copy needs 16-byte places");
#pragma unroll 2
        for (u32 chunk = threadIdx.x; chunk < ROWS * CHUNKS; chunk += THREADS) {
            u32 r = chunk / CHUNKS, c = chunk % CHUNKS * 4;
            copy_neighbours_async<4>(tile + r * STRIDE + c, from, row + r, column + c);
        }
    } else {
#pragma unroll 1
        for (u32 element = threadIdx.x; element < ROWS * COLUMNS; element += THREADS) {
            u32 r = element / COLUMNS, c = element % COLUMNS;
            copy_neighbours_async<1>(tile + r * STRIDE + c, from, row + r, column + c);
        }
    }
}

// Four floats at a multiple of 16 bytes in shared memory, in one access.
__device__ inline void load_4(float (&to)[4], const float* from) {
    float4 four = *reinterpret_cast<const float4*>(from);
    to[0] = four.x, to[1] = four.y, to[2] = four.z, to[3] = four.w;
}
