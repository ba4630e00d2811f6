// RMS norm of each row of a row-major matrix, and its gradients: out[i][j] = weight[j]·x[i][j]·inverse_rms[i], with
// inverse_rms[i] = 1 / √(mean of x[i][·]² + epsilon). (Zhang & Sennrich 2019, "Root Mean Square Layer Normalization")
//
// The plain loops, with g = weight ∘ d_out and r = inverse_rms of the row:
//
//     r = 1 / sqrt(Σ_j x[j]² / columns + epsilon)          out[j] = weight[j] * x[j] * r
//     mean = Σ_j g[j] * x[j] / columns                     d_x[j] = r * (g[j] - x[j] * r² * mean)
//     d_weight[j] = Σ over rows of d_out[j] * x[j] * r
//
// What changes here, and why:
// 1. A block of 256 threads a row, whose parts of the sum meet in a fixed order. (rows.cuh)
// 2. inverse_rms is kept for the backward pass: one number a row, in place of a pass over x.
// 3. d_weight sums down the columns. A block takes 32 neighbouring columns, so that a warp reads neighbours, and its eight warps every
//    eighth row; their parts meet in shared memory.
// 4. With many rows and few columns that would be few blocks: rows are cut into runs of `run`, each of which leaves a row of
//    partial sums, and a second launch sums those. No atomics: the same bits in every run.
//
// Without weights (has_weight 0) they count as 1 and are not read. A NaN makes its row NaN, and all of d_weight's column.
//
// Bytes from and to global memory: forward 4·(3·rows·columns + rows·(columns + 1)), d_x 4·(5·rows·columns + rows·(2·columns + 1)),
// d_weight 4·(2·rows·columns + rows·⌈columns/32⌉ + ⌈rows/run⌉·columns); weights are counted once a row, which caches serve.
#include "rows.cuh"

constexpr u32 COLUMNS = 32;  // of a block of the column sums

__device__ inline float weight_of(const float* weight, u32 has_weight, u32 column) {
    return has_weight ? weight[column] : 1.0f;
}

extern "C" __global__ void __launch_bounds__(ROW_THREADS)
    rms_norm(u32 rows, u32 columns, float epsilon, u32 has_weight, const float* x, const float* weight, float* out,
             float* inverse_rms) {
    for (u32 row = blockIdx.x; row < rows; row += gridDim.x) {
        u64 start = u64(row) * columns;
        float squares = 0.0f;
        for (u32 j = threadIdx.x; j < columns; j += ROW_THREADS) {
            squares += x[start + j] * x[start + j];
        }
        float inverse = 1.0f / sqrtf(sum_over_row(squares) / float(columns) + epsilon);
        for (u32 j = threadIdx.x; j < columns; j += ROW_THREADS) {
            out[start + j] = weight_of(weight, has_weight, j) * (x[start + j] * inverse);
        }
        if (threadIdx.x == 0) {
            inverse_rms[row] = inverse;
        }
    }
}

extern "C" __global__ void __launch_bounds__(ROW_THREADS)
    rms_norm_backward_dx(u32 rows, u32 columns, u32 has_weight, const float* x, const float* weight,
                         const float* inverse_rms, const float* d_out, float* d_x) {
    for (u32 row = blockIdx.x; row < rows; row += gridDim.x) {
        u64 start = u64(row) * columns;
        float sum = 0.0f;
        for (u32 j = threadIdx.x; j < columns; j += ROW_THREADS) {
            sum += weight_of(weight, has_weight, j) * d_out[start + j] * x[start + j];
        }
        float mean = sum_over_row(sum) / float(columns);
        float inverse = inverse_rms[row];
        for (u32 j = threadIdx.x; j < columns; j += ROW_THREADS) {
            float g = weight_of(weight, has_weight, j) * d_out[start + j];
            d_x[start + j] = inverse * (g - x[start + j] * inverse * (inverse * mean));
        }
    }
}

// The sum of `value(row)` over first <= row < end, for the column of each lane; warp 0 receives it.
template <typename Value>
__device__ inline float sum_down(u32 first, u32 end, bool inside, Value value) {
    __shared__ float partial[ROW_WARPS][COLUMNS];
    u32 warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    float sum = 0.0f;
    for (u32 row = first + warp; inside && row < end; row += ROW_WARPS) {
        sum += value(row);
    }
    partial[warp][lane] = sum;
    __syncthreads();
    sum = 0.0f;
    for (u32 part = 0; part < ROW_WARPS; ++part) {
        sum += partial[part][lane];
    }
    return sum;
}

// partial[r][j] = Σ over the rows of run r of d_out[row][j]·x[row][j]·inverse_rms[row].
extern "C" __global__ void __launch_bounds__(ROW_THREADS)
    rms_norm_backward_dweight(u32 rows, u32 columns, u32 run, const float* x, const float* inverse_rms, const float* d_out,
                              float* partial) {
    u32 across = (columns - 1) / COLUMNS + 1;
    u32 column = blockIdx.x % across * COLUMNS + threadIdx.x % 32;
    u32 index = blockIdx.x / across;
    u64 first = u64(index) * run;
    if (first > 0 && first >= rows) {
        return;
    }
    u32 end = u32(min(first + run, u64(rows)));
    float sum = sum_down(u32(first), end, column < columns, [&](u32 row) {
        u64 place = u64(row) * columns + column;
        return d_out[place] * (x[place] * inverse_rms[row]);
    });
    if (threadIdx.x < 32 && column < columns) {
        partial[u64(index) * columns + column] = sum;
    }
}

// sums[j] = Σ over all rows of x[row][j]: also the gradient of a bias.
extern "C" __global__ void __launch_bounds__(ROW_THREADS) column_sums(u32 rows, u32 columns, const float* x, float* sums) {
    u32 column = blockIdx.x * COLUMNS + threadIdx.x % 32;
    float sum = sum_down(0, rows, column < columns, [&](u32 row) { return x[u64(row) * columns + column]; });
    if (threadIdx.x < 32 && column < columns) {
        sums[column] = sum;
    }
}
