// A token's row of one table plus its position's row of another, and what that passes back to a table.
//
// The plain loops:
//
//     for row in 0..rows
//         out[row] = wte[tokens[row]] + wpe[positions[row]]
//
//     for row in 0..rows                                      (once with the tokens, once with the positions)
//         d_table[index[row]] += d_out[row]
//
// What changes here, and why:
// 1. Forward a thread takes a number of the output; neighbours read neighbours of the same two rows.
// 2. Backward, rows of the table that many rows of the batch point at are sums of many numbers. An atomic addition for each would be
//    short to write, and give other bits in every run, since floating-point sums depend on their order. So a block takes one
//    row of the table, 32 of its columns, and looks through the whole index for those that point at it: a lane a column, a warp every
//    eighth row of the batch. All lanes of a warp read the same index, so they never diverge; the eight warps' sums meet in shared
//    memory in their order. (rms_norm.cu sums down columns in the same way.)
// 3. d_table is overwritten: a row that nothing points at becomes 0.
//
// An index that is no row of its table counts as a row of zeros, and passes nothing back.
//
// Bytes from and to global memory: forward 4·5·rows·columns, two of them indices that caches serve; backward
// 4·(32·⌈columns/32⌉·entries·rows + rows·columns + entries·columns). The first term is the look through the index, one broadcast a warp:
// it suits a vocabulary of hundreds and not of hundreds of thousands.
#include "ptx.cuh"

constexpr u32 THREADS = 256;
constexpr u32 WARPS = THREADS / 32;
constexpr u32 COLUMNS = 32;  // of a block of the gradient

__device__ inline float row_of(const float* table, u32 entries, u32 entry, u32 columns, u32 column) {
    return entry < entries ? table[u64(entry) * columns + column] : 0.0f;
}

extern "C" __global__ void __launch_bounds__(THREADS)
    embedding(u32 rows, u32 columns, u32 vocab, u32 context, const u32* tokens, const u32* positions, const float* wte,
              const float* wpe, float* out) {
    u64 count = u64(rows) * columns, stride = u64(gridDim.x) * THREADS;
    for (u64 i = u64(blockIdx.x) * THREADS + threadIdx.x; i < count; i += stride) {
        u64 row = i / columns;
        u32 column = u32(i % columns);
        out[i] = row_of(wte, vocab, tokens[row], columns, column) + row_of(wpe, context, positions[row], columns, column);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS)
    embedding_backward(u32 rows, u32 columns, u32 entries, const u32* index, const float* d_out, float* d_table) {
    __shared__ float partial[WARPS][COLUMNS];
    u32 across = (columns - 1) / COLUMNS + 1;
    u32 warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    u32 column = blockIdx.x % across * COLUMNS + lane, entry = blockIdx.x / across;
    if (entry >= entries) {
        return;  // the whole block: nobody waits at the barrier
    }
    float sum = 0.0f;
    for (u32 row = warp; row < rows; row += WARPS) {
        if (index[row] == entry && column < columns) {
            sum += d_out[u64(row) * columns + column];
        }
    }
    partial[warp][lane] = sum;
    __syncthreads();
    if (warp == 0 && column < columns) {
        sum = 0.0f;
        for (u32 part = 0; part < WARPS; ++part) {
            sum += partial[part][lane];
        }
        d_table[u64(entry) * columns + column] = sum;
    }
}
