// Tiles of 16-bit numbers in shared memory, laid out so that ldmatrix meets no bank conflict.
//
// A tile's rows are cut into chunks of 16 bytes, eight numbers. ldmatrix reads eight chunks at a time, the same chunk of eight rows
// in sequence; if rows simply followed each other, those would lie in the same four banks. So chunk c of row r is kept at place
// c ⊕ (r mod 8) of its row: eight rows, eight different quarters of 128 bytes. A row shorter than 128 bytes shares a line of 128
// with its neighbours, and the exclusive or takes the line's number instead. No byte is lost to padding, and copies, which
// write whole lines, meet no conflict either. (CUTLASS 2, "Layouts and Tensors", permuted shared memory)
#pragma once
#include "tile.cuh"

constexpr u32 CHUNK = 8;  // 16-bit numbers in 16 bytes

// Where the chunk with column `column` of row `row` starts, in a tile of COLUMNS columns.
template <u32 COLUMNS>
__device__ inline u32 place(u32 row, u32 column) {
    constexpr u32 CHUNKS = COLUMNS / CHUNK;
    constexpr u32 PERMUTED = CHUNKS < 8 ? CHUNKS : 8;  // chunks of a row within one line
    constexpr u32 ROWS_OF_LINE = 8 / PERMUTED;
    u32 chunk = column / CHUNK ^ row / ROWS_OF_LINE % PERMUTED;
    return (row * CHUNKS + chunk) * CHUNK;
}

struct HalfMatrix {
    const u16* data;
    u32 rows, columns, leading;
    bool aligned;
};

__device__ inline HalfMatrix half_matrix(const u16* data, u32 rows, u32 columns, u32 leading) {
    return {data, rows, columns, leading, rows_are_aligned(data, leading)};
}

// Eight neighbours of one row; those outside the matrix become 0. Rows that do not start at multiples of 16 bytes are read
// one number at a time and stored at once, since cp.async copies no less than four bytes.
__device__ inline void copy_chunk(u16* to, const HalfMatrix& from, u32 row, u32 column) {
    u32 inside = row < from.rows && column < from.columns ? min(from.columns - column, CHUNK) : 0;
    const u16* source = inside ? from.data + u64(row) * from.leading + column : from.data;
    if (from.aligned) {
        cp_async_16(to, source, 2 * inside);
        return;
    }
    u32 pairs[4];
#pragma unroll
    for (u32 e = 0; e < CHUNK; e += 2) {
        u32 low = e < inside ? source[e] : 0, high = e + 1 < inside ? source[e + 1] : 0;
        pairs[e / 2] = low | high << 16;
    }
    *reinterpret_cast<uint4*>(to) = make_uint4(pairs[0], pairs[1], pairs[2], pairs[3]);
}

// Starts the copy of the ROWS×COLUMNS window at (row, column); all THREADS threads of the block take part.
template <u32 ROWS, u32 COLUMNS, u32 THREADS>
__device__ inline void copy_half_window(u16* tile, const HalfMatrix& from, u32 row, u32 column) {
    constexpr u32 CHUNKS = COLUMNS / CHUNK;
#pragma unroll 2
    for (u32 chunk = threadIdx.x; chunk < ROWS * CHUNKS; chunk += THREADS) {
        u32 r = chunk / CHUNKS, c = chunk % CHUNKS * CHUNK;
        copy_chunk(tile + place<COLUMNS>(r, c), from, row + r, column + c);
    }
}

// The 16×16 window at (row, column) of a row-major tile as the operand A of mma.m16n8k16.
template <u32 COLUMNS>
__device__ inline void load_a(u32 (&fragment)[4], const u16* tile, u32 row, u32 column) {
    u32 lane = threadIdx.x % 32;
    ldmatrix_x4(fragment, tile + place<COLUMNS>(row + lane % 16, column + lane / 16 * 8));
}

// The 16×16 window at (k, n) of a tile whose rows run along n, as two operands B, n … n+7 and n+8 … n+15:
// fragment[0], [1] and [2], [3].
template <u32 COLUMNS>
__device__ inline void load_b(u32 (&fragment)[4], const u16* tile, u32 k, u32 n) {
    u32 lane = threadIdx.x % 32;
    ldmatrix_x4_trans(fragment, tile + place<COLUMNS>(k + lane % 16, n + lane / 16 * 8));
}

// The same of a tile whose rows run along k: B transposed, which is how B's fragments lie. No turning is needed.
template <u32 COLUMNS>
__device__ inline void load_b_transposed(u32 (&fragment)[4], const u16* tile, u32 n, u32 k) {
    u32 lane = threadIdx.x % 32;
    ldmatrix_x4(fragment, tile + place<COLUMNS>(n + lane / 16 * 8 + lane % 8, k + lane / 8 % 2 * 8));
}
