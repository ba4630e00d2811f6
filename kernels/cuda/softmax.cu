// Softmax of each row of a row-major matrix, and its gradient: out[i][j] = exp(in[i][j] − max) / Σ exp(in[i][·] − max), max of
// row i; d_in[i][j] = out[i][j]·(d_out[i][j] − Σ out[i][·]·d_out[i][·]).
//
// The plain loops, three passes over a row:
//
//     max = largest of row                 (so that no exponential overflows)
//     sum = Σ exp(row[j] - max)
//     row[j] = exp(row[j] - max) / sum
//
// What changes here, and why:
// 1. The first two passes are one. A running sum is relative to the running maximum; when the maximum grows from m to m', the
//    sum so far is multiplied by exp(m − m'). (Milakov & Gimelshein 2018, "Online normalizer calculation for softmax")
// 2. A block of 256 threads a row. Each thread keeps a (maximum, sum) of every 256th element; pairs are merged by the same rule,
//    first across a warp by shuffles (five steps, no memory), then across the eight warps through shared memory. The order
//    is fixed, so the result is too. (rows.cuh)
// 3. exp(x) = 2^(x·log₂e): the hardware has 2^x as one instruction.
// 4. The gradient needs one sum a row first, and then each element on its own: two passes over out and d_out.
//
// A row in which everything is −∞ (all masked) becomes 0, not NaN. A NaN makes its whole row NaN, and so does +∞.
//
// Bytes from and to global memory, for rows·columns elements: softmax 4·3·rows·columns, backward 4·5·rows·columns.
#include "rows.cuh"

extern "C" __global__ void __launch_bounds__(ROW_THREADS)
    softmax(u32 rows, u32 columns, const float* input, float* output) {
    for (u32 row = blockIdx.x; row < rows; row += gridDim.x) {
        const float* in = input + u64(row) * columns;
        float* out = output + u64(row) * columns;
        Online mine = {minus_infinity(), 0.0f};
        for (u32 j = threadIdx.x; j < columns; j += ROW_THREADS) {
            mine = merge(mine, {in[j], 1.0f});
        }
        Online all = merge_over_row(mine);
        float inverse = all.sum == 0.0f ? 0.0f : 1.0f / all.sum;
        for (u32 j = threadIdx.x; j < columns; j += ROW_THREADS) {
            out[j] = exp_of_difference(in[j], all.max) * inverse;
        }
    }
}

extern "C" __global__ void __launch_bounds__(ROW_THREADS)
    softmax_backward(u32 rows, u32 columns, const float* output, const float* d_output, float* d_input) {
    for (u32 row = blockIdx.x; row < rows; row += gridDim.x) {
        u64 start = u64(row) * columns;
        float sum = 0.0f;
        for (u32 j = threadIdx.x; j < columns; j += ROW_THREADS) {
            sum += output[start + j] * d_output[start + j];
        }
        sum = sum_over_row(sum);
        for (u32 j = threadIdx.x; j < columns; j += ROW_THREADS) {
            d_input[start + j] = output[start + j] * (d_output[start + j] - sum);
        }
    }
}
