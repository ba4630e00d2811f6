// Attention as it stands in the textbook, three kernels: scores, softmax, times V. The N×N matrix of scores is in memory.
//
// The plain loops, for each head:
//
//     for i in 0..queries, j in 0..keys    score[i][j] = scale * dot(q[i], k[j])
//     for i in 0..queries                  score[i] = softmax(score[i])
//     for i in 0..queries, c in 0..d       out[i][c] = Σ_j score[i][j] * v[j][c]
//
// What changes here, and why:
// 1. The two products go through 32×32 tiles in shared memory, as in matmul_tiled.cu: a fair opponent for flash attention has
//    coalesced reads and re-use, too.
// 2. A block a row of the softmax, three passes over it: maximum, sum, result.
// 3. A key that a query may not see gets score −∞, hence weight 0.
//
// What stays slow: the scores are written once, read three times and written by the softmax, and read once by the last kernel. At
// N = 4096 and head_dim = 64 that is 64 MiB a head, while Q, K, V and out are 1 MiB each. flash_forward.cu never writes them.
//
// Bytes from and to global memory, a head, all sizes multiples of 32 (T = 32):
//     scores    4·N·M·(2·d/T + 1)      softmax 4·(4·N·M + N)      values 4·N·(2·M·d/T + d)      N queries, M keys
#include "attention.cuh"

constexpr u32 TILE = 32;
constexpr u32 ROW_THREADS = 256;  // of the softmax
constexpr u32 ROW_WARPS = ROW_THREADS / 32;

using Tile = float[TILE][TILE + 1];

__device__ inline void copy_tile(Tile& tile, const Matrix& from, u32 row, u32 column) {
    u32 r = row + threadIdx.y, c = column + threadIdx.x;
    tile[threadIdx.y][threadIdx.x] = r < from.rows && c < from.columns ? from.data[u64(r) * from.leading + c] : 0.0f;
}

// One head's scores [queries, keys].
__device__ inline u64 score_start(const Attention& problem, u32 head) {
    return u64(head) * problem.queries * problem.keys;
}

// scores[i][j] = scale · q[i] · k[j], or −∞.
__device__ inline void attention_scores_of(const Attention& problem, const float* q, const float* k, float* scores) {
    __shared__ Tile q_tile, k_tile;
    u32 across = ceil_div(problem.keys, TILE), tiles = ceil_div(problem.queries, TILE) * across;
    u32 head = blockIdx.x / tiles, tile = blockIdx.x % tiles;
    if (head >= problem.batch * problem.heads) {
        return;
    }
    u32 row = tile / across * TILE, column = tile % across * TILE;
    Matrix queries = problem.query_rows(q, head), keys = problem.key_rows(k, problem.kv_head(head));

    float sum = 0.0f;
    for (u32 first = 0; first < problem.head_dim; first += TILE) {
        copy_tile(q_tile, queries, row, first);
        copy_tile(k_tile, keys, column, first);
        __syncthreads();
#pragma unroll
        for (u32 p = 0; p < TILE; ++p) {
            sum += q_tile[threadIdx.y][p] * k_tile[threadIdx.x][p];  // rows 33 apart: 32 lanes, 32 banks
        }
        __syncthreads();
    }
    u32 i = row + threadIdx.y, j = column + threadIdx.x;
    if (i < problem.queries && j < problem.keys) {
        float score = j < problem.visible(i) ? sum * problem.scale : minus_infinity();
        scores[score_start(problem, head) + u64(i) * problem.keys + j] = score;
    }
}

// out[i][c] = Σ_j weights[i][j] · v[j][c].
__device__ inline void attention_values_of(const Attention& problem, const float* weights, const float* v, float* out) {
    __shared__ Tile weight_tile, v_tile;
    u32 across = ceil_div(problem.head_dim, TILE), tiles = ceil_div(problem.queries, TILE) * across;
    u32 head = blockIdx.x / tiles, tile = blockIdx.x % tiles;
    if (head >= problem.batch * problem.heads) {
        return;
    }
    u32 row = tile / across * TILE, column = tile % across * TILE;
    Matrix rows = matrix(weights + score_start(problem, head), problem.queries, problem.keys, problem.keys);
    Matrix values = problem.key_rows(v, problem.kv_head(head));

    float sum = 0.0f;
    for (u32 first = 0; first < problem.keys; first += TILE) {
        copy_tile(weight_tile, rows, row, first);
        copy_tile(v_tile, values, first, column);
        __syncthreads();
#pragma unroll
        for (u32 p = 0; p < TILE; ++p) {
            sum += weight_tile[threadIdx.y][p] * v_tile[p][threadIdx.x];
        }
        __syncthreads();
    }
    u32 i = row + threadIdx.y, c = column + threadIdx.x;
    if (i < problem.queries && c < problem.head_dim) {
        out[problem.query_start(head) + u64(i) * problem.head_dim + c] = sum;
    }
}

// Every thread receives the result of all; `partial` may be used again after the next barrier.
__device__ inline float max_over_block(float x, float (&partial)[ROW_WARPS]) {
    x = max_over_lanes<32>(x);
    if (threadIdx.x % 32 == 0) {
        partial[threadIdx.x / 32] = x;
    }
    __syncthreads();
    return max_over_lanes<ROW_WARPS>(partial[threadIdx.x % ROW_WARPS]);
}

__device__ inline float sum_over_block(float x, float (&partial)[ROW_WARPS]) {
    x = sum_over_lanes<32>(x);
    if (threadIdx.x % 32 == 0) {
        partial[threadIdx.x / 32] = x;
    }
    __syncthreads();
    return sum_over_lanes<ROW_WARPS>(partial[threadIdx.x % ROW_WARPS]);
}

extern "C" __global__ void __launch_bounds__(TILE* TILE)
    attention_scores(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim, float scale,
                     u32 causal, const float* q, const float* k, float* scores) {
    attention_scores_of({batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0}, q, k, scores);
}

// Softmax of `rows` rows of `keys` scores in place, and the logarithm of each row's sum. A row that is all −∞ becomes 0.
extern "C" __global__ void __launch_bounds__(ROW_THREADS)
    attention_softmax(u32 rows, u32 keys, float* scores, float* log_sum_exp) {
    __shared__ float max_partial[ROW_WARPS], sum_partial[ROW_WARPS];
    for (u32 row = blockIdx.x; row < rows; row += gridDim.x) {
        float* score = scores + u64(row) * keys;
        float max = minus_infinity();
        for (u32 j = threadIdx.x; j < keys; j += ROW_THREADS) {
            max = fmaxf(max, score[j]);
        }
        max = max_over_block(max, max_partial);
        float base = max == minus_infinity() ? 0.0f : max;

        float sum = 0.0f;
        for (u32 j = threadIdx.x; j < keys; j += ROW_THREADS) {
            sum += exp2_approx((score[j] - base) * LOG2_E);
        }
        sum = sum_over_block(sum, sum_partial);

        float inverse = sum == 0.0f ? 0.0f : 1.0f / sum;
        for (u32 j = threadIdx.x; j < keys; j += ROW_THREADS) {
            score[j] = exp2_approx((score[j] - base) * LOG2_E) * inverse;
        }
        if (threadIdx.x == 0) {
            log_sum_exp[row] = sum == 0.0f ? minus_infinity() : max + logf(sum);
        }
        // The next row's maxima may be stored at once: everybody has read this row's before the barrier of the sums.
    }
}

extern "C" __global__ void __launch_bounds__(TILE* TILE)
    attention_values(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim,
                     const float* weights, const float* v, float* out) {
    attention_values_of({batch, heads, kv_heads, queries, keys, key_capacity, head_dim, 1.0f, false}, weights, v, out);
}
