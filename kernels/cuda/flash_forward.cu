// Attention without the N×N matrix: out = softmax(scale·Q·Kᵀ)·V and the logarithm of each row's sum, in f32.
//
// The plain loops, for each head:
//
//     for i in 0..queries
//         for j in 0..keys   score[j] = scale * dot(q[i], k[j])        // N² numbers are written
//         weight = softmax(score)                                      // and read and written
//         out[i] = Σ_j weight[j] * v[j]                                // and read
//
// What changes here, and why:
// 1. A block owns a tile of queries and walks over the keys and values, 32 at a time. Scores live in registers and die there;
//    memory holds Q, K, V, out and one number a row. (Dao, Fu, Ermon, Rudra & Ré 2022, "FlashAttention")
// 2. Softmax needs the row's maximum before the first exponential, but keys are still to come: keep a running maximum m and
//    sum, and when m grows to m', multiply the sum and the row of out so far by exp(m − m'). (attention.cuh, `OnlineRow`)
// 3. The division by the sum happens once, at the end. (Dao 2023, "FlashAttention-2", 3.1.1)
// 4. Tiles of keys that no query of the block may see are never loaded: causal attention does half the work.
// 5. Two slots of shared memory. K and V stream through them in chunks of 32 rows × 64 columns (32 in the d32 kernel) by
//    cp.async, one chunk ahead: steps K₀ … K₃ V₀ … V₃ at d256, K V at d64. One wait and one barrier a step.
// 6. Registers: a thread computes up to 4×4 scores and 4×8 sums at a time, reading four floats at a time. (flash.cuh, with the
//    reason why no two lanes ask one bank for different words)
// 7. Sizes that do not fill a tile: rows and columns outside are zeros (they add nothing to a dot product), masked scores −∞.
//
// The head dimension is padded to 32, 64, 128 or 256, an entry each: the launcher takes the smallest that holds it. The tile of
// queries shrinks as it grows (64, 64, 32, 16), so that a block stays below 48 KiB of shared memory.
//
// Bytes from and to global memory, a head, N queries, M keys, T queries a tile: 4·(2·N·d + N + ⌈N/T⌉·2·M·d), for Q and out, the
// logarithms, and K and V once a tile. Under a causal mask a tile loads only the 32-key tiles that its last query sees: about
// half of the last term. attention_naive.cu has the formula to compare with.
#include "flash.cuh"

template <u32 D>
using ForwardTiling = Tiling<D, (D < 64 ? 64 : 4096 / D), 32>;

template <typename T>
struct Shared {
    typename T::Own q;
    typename T::Slot slots[2];
    typename T::Weights weights;
};

// One row's scores of a tile become weights in shared memory; returns the correction of what was summed before.
template <u32 COUNT>
__device__ float weigh(OnlineRow& row, const float (&scores)[COUNT], float scale_log2, u32 first_key, u32 visible,
                       float* weights) {
    u32 lane = threadIdx.x % LANES;
    float masked[COUNT];
    float tile_max = minus_infinity();
#pragma unroll
    for (u32 j = 0; j < COUNT; ++j) {
        bool seen = first_key + lane + LANES * j < visible;
        masked[j] = seen ? scores[j] * scale_log2 : minus_infinity();
        tile_max = fmaxf(tile_max, masked[j]);
    }
    float correction = row.raise(max_over_lanes<LANES>(tile_max));
#pragma unroll
    for (u32 j = 0; j < COUNT; ++j) {
        float weight = exp2_approx(masked[j] - row.base());
        row.sum += weight;  // this lane's part; the lanes' parts meet at the end
        weights[lane + LANES * j] = weight;
    }
    return correction;
}

template <typename T>
__device__ void flash_forward(const Attention& problem, const float* q, const float* k, const float* v, float* out,
                              float* log_sum_exp) {
    __shared__ __align__(16) Shared<T> shared;
    u32 tiles = ceil_div(problem.queries, T::OWN);
    u32 head = blockIdx.x / tiles;
    if (head >= problem.batch * problem.heads) {
        return;
    }
    u32 first_query = (tiles - 1 - blockIdx.x % tiles) * T::OWN;  // under a causal mask the last tile is the longest
    u32 last_query = min(first_query + T::OWN, problem.queries) - 1;
    u32 key_tiles = ceil_div(problem.visible(last_query), T::STREAMED);
    u32 group = threadIdx.x / LANES, lane = threadIdx.x % LANES;

    Matrix keys = problem.key_rows(k, problem.kv_head(head)), values = problem.key_rows(v, problem.kv_head(head));
    keys.aligned = keys.aligned && values.aligned;
    Stream<T, KeysThenValues<T>> stream = {{keys, values.data}, key_tiles * 2 * T::CHUNKS, shared.slots};
    if (key_tiles > 0) {
        copy_window_async<T::OWN, T::D, T::D, THREADS>(shared.q, problem.query_rows(q, head), first_query, 0);
        stream.start(0);
    }
    OnlineRow rows[T::ROWS];
    typename T::Sums sums[T::CHUNKS] = {};
    for (u32 tile = 0; tile < key_tiles; ++tile) {
        typename T::Scores scores = {};
#pragma unroll 1
        for (u32 chunk = 0; chunk < T::CHUNKS; ++chunk) {
            const float* slot = stream.advance();
            add_scores<T>(scores, shared.q + chunk * T::CHUNK, slot);
        }
#pragma unroll
        for (u32 i = 0; i < T::ROWS; ++i) {
            u32 row = group + GROUPS * i;
            float correction = weigh(rows[i], scores[i], problem.scale * LOG2_E, tile * T::STREAMED,
                                     problem.visible(first_query + row), &shared.weights[row * T::WEIGHT_STRIDE]);
#pragma unroll
            for (u32 c = 0; c < T::CHUNKS * T::LANE_COLUMNS; ++c) {
                sums[c / T::LANE_COLUMNS][i][c % T::LANE_COLUMNS] *= correction;
            }
        }
#pragma unroll
        for (u32 chunk = 0; chunk < T::CHUNKS; ++chunk) {
            const float* slot = stream.advance();  // its barrier makes the weights visible, too
            add_weighted<T>(sums[chunk], shared.weights, slot);
        }
    }

    float* out_rows = out + problem.query_start(head);
    bool aligned = rows_are_aligned(out_rows, problem.head_dim);
#pragma unroll
    for (u32 i = 0; i < T::ROWS; ++i) {
        rows[i].sum = sum_over_lanes<LANES>(rows[i].sum);
        u32 query = first_query + group + GROUPS * i;
        if (query >= problem.queries) {
            continue;
        }
        store_row<T>(out_rows + u64(query) * problem.head_dim, problem.head_dim, aligned, sums, i, rows[i].inverse_sum());
        if (lane == 0) {
            log_sum_exp[u64(head) * problem.queries + query] = rows[i].log_sum_exp();
        }
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    flash_forward_d32(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim, float scale,
                      u32 causal, const float* q, const float* k, const float* v, float* out, float* log_sum_exp) {
    flash_forward<ForwardTiling<32>>({batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0}, q, k, v, out,
                      log_sum_exp);
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    flash_forward_d64(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim, float scale,
                      u32 causal, const float* q, const float* k, const float* v, float* out, float* log_sum_exp) {
    flash_forward<ForwardTiling<64>>({batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0}, q, k, v, out,
                      log_sum_exp);
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    flash_forward_d128(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim, float scale,
                       u32 causal, const float* q, const float* k, const float* v, float* out, float* log_sum_exp) {
    flash_forward<ForwardTiling<128>>({batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0}, q, k, v, out,
                       log_sum_exp);
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    flash_forward_d256(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim, float scale,
                       u32 causal, const float* q, const float* k, const float* v, float* out, float* log_sum_exp) {
    flash_forward<ForwardTiling<256>>({batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0}, q, k, v, out,
                       log_sum_exp);
}
