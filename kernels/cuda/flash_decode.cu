// Attention of few queries over many keys, in f32: decoding, where one new token looks back over a cache of keys and values.
//
// The plain loops are in flash_forward.cu. With one query no tile of keys is used twice: each key and each value is read once whatever
// one does, and how long that takes is how long it takes. What changes here, and why:
// 1. A block a head would leave most of the GPU idle, and one after another the keys go by. So the keys are cut into splits, a block
//    each. (Dao, Haziza, Massa & Sizov 2023, "Flash-Decoding for long-context inference")
// 2. Each split leaves an out of its own, divided by its own sum, and the logarithm of that sum. The second kernel adds them up with
//    the weights exp(log_sum_exp of the split − that of all), first split first: the same bits in every run. Splits are as long as
//    the launcher says, which goes by sizes alone: the same bits on every GPU, too.
// 3. Query heads that share keys are rows of one block: their keys and values are read once for four rows. A warp owns a row.
// 4. Keys and values stream through two slots of shared memory by cp.async, as in flash_forward.cu. A lane scores one key of the 32 of
//    a tile; for the sum of values a lane owns columns, and the weights go round by shuffles.
// 5. Rows of the cache past the last key are not touched.
//
// Shared memory without conflicts: 8 lanes read 16 bytes each of neighbouring rows, 68 (d32: 36) floats apart; a query's numbers are one
// address for all lanes; values are 32 neighbours.
//
// Bytes from and to global memory, R rows (query heads · queries), G groups of four of them with one key/value head, S splits,
// M keys: 4·(S·R·d + 2·G·M·d + S·R·(d + 1)), for Q once a split, K and V once a group, and what each split leaves; the second
// kernel 4·(S·R·(d + 1) + R·(d + 1)). With one split there is no second kernel.
#include "flash.cuh"

constexpr u32 WARPS = THREADS / 32;  // rows of a block
constexpr u32 SPLITS_MAX = 64;

template <u32 D>
using DecodeTiling = Tiling<D, WARPS * GROUPS, 32>;  // of which the stream uses streamed rows, chunks and strides only

template <typename T>
struct Shared {
    float q[WARPS][T::D];
    typename T::Slot slots[2];
};

template <typename T>
constexpr u32 COLUMNS = T::CHUNK / 32;  // of a chunk, that a lane owns

// This lane's key of the tile · the warp's query, over the chunk's columns.
template <typename T>
__device__ inline float add_score(float score, const float* q, const float* slot) {
#pragma unroll 4
    for (u32 column = 0; column < T::CHUNK; column += 4) {
        float query[4], key[4];
        load_4(query, q + column);
        load_4(key, slot + threadIdx.x % 32 * T::STRIDE + column);
#pragma unroll
        for (u32 e = 0; e < 4; ++e) {
            score += query[e] * key[e];
        }
    }
    return score;
}

// sums[c] += Σ over the tile's keys of their lane's weight · value, over the chunk's columns lane, lane + 32.
template <typename T>
__device__ inline void add_values(float (&sums)[COLUMNS<T>], float weight, const float* slot) {
#pragma unroll 8
    for (u32 key = 0; key < T::STREAMED; ++key) {
        float of_key = __shfl_sync(FULL_WARP, weight, key);
#pragma unroll
        for (u32 c = 0; c < COLUMNS<T>; ++c) {
            sums[c] += of_key * slot[key * T::STRIDE + threadIdx.x % 32 + 32 * c];
        }
    }
}

// The first `count` keys of a split, as matrices.
template <typename T>
__device__ inline KeysThenValues<T> split_rows(const Attention& problem, const float* k, const float* v, u32 kv_head,
                                               u32 first_key, u32 count) {
    u64 start = problem.key_start(kv_head) + u64(first_key) * problem.head_dim;
    Matrix keys = matrix(k + start, count, problem.head_dim, problem.head_dim);
    keys.aligned = keys.aligned && rows_are_aligned(v + start, problem.head_dim);
    return {keys, v + start};
}

template <typename T>
__device__ void flash_decode(const Attention& problem, const float* q, const float* k, const float* v, u32 split_keys,
                             float* out, float* log_sum_exp) {
    __shared__ __align__(16) Shared<T> shared;
    u32 splits = max(1u, ceil_div(problem.keys, split_keys));
    u32 rows = problem.heads / problem.kv_heads * problem.queries;  // of a key/value head
    u32 groups = ceil_div(rows, WARPS);
    u32 split = blockIdx.x % splits, group = blockIdx.x / splits % groups, kv_head = blockIdx.x / splits / groups;
    if (kv_head >= problem.batch * problem.kv_heads) {
        return;
    }
    u32 warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    u32 row = group * WARPS + warp;
    u64 place = u64(kv_head) * rows + row;  // rows that share keys follow each other
    u32 visible = row < rows ? problem.visible(row % problem.queries) : 0;
    u32 first_key = split * split_keys;
    u32 count = min(problem.keys - first_key, split_keys);

    Stream<T, KeysThenValues<T>> stream = {split_rows<T>(problem, k, v, kv_head, first_key, count),
                                           ceil_div(count, T::STREAMED) * 2 * T::CHUNKS, shared.slots};
    if (count > 0) {
        stream.start(0);
    }
    for (u32 column = lane; column < T::D; column += 32) {
        bool inside = row < rows && column < problem.head_dim;
        shared.q[warp][column] = inside ? q[place * problem.head_dim + column] : 0.0f;  // seen past the first barrier
    }
    OnlineRow online;
    float sums[T::CHUNKS][COLUMNS<T>] = {};
    for (u32 tile = 0; tile < count; tile += T::STREAMED) {
        float score = 0.0f;
#pragma unroll 1
        for (u32 chunk = 0; chunk < T::CHUNKS; ++chunk) {
            const float* slot = stream.advance();
            score = add_score<T>(score, &shared.q[warp][chunk * T::CHUNK], slot);
        }
        bool seen = tile + lane < count && first_key + tile + lane < visible;
        score = seen ? score * (problem.scale * LOG2_E) : minus_infinity();
        float correction = online.raise(max_over_lanes<32>(score));
        float weight = exp2_approx(score - online.base());
        online.sum += weight;  // this lane's part
#pragma unroll
        for (u32 chunk = 0; chunk < T::CHUNKS; ++chunk) {
#pragma unroll
            for (u32 c = 0; c < COLUMNS<T>; ++c) {
                sums[chunk][c] *= correction;
            }
            const float* slot = stream.advance();
            add_values<T>(sums[chunk], weight, slot);
        }
    }
    online.sum = sum_over_lanes<32>(online.sum);
    if (row >= rows) {
        return;
    }
    place = place * splits + split;
    float inverse = online.inverse_sum();
#pragma unroll
    for (u32 chunk = 0; chunk < T::CHUNKS; ++chunk) {
#pragma unroll
        for (u32 c = 0; c < COLUMNS<T>; ++c) {
            u32 column = chunk * T::CHUNK + 32 * c + lane;
            if (column < problem.head_dim) {
                out[place * problem.head_dim + column] = sums[chunk][c] * inverse;
            }
        }
    }
    if (lane == 0) {
        log_sum_exp[place] = online.log_sum_exp();
    }
}

// out[row] = Σ over splits of exp(their log_sum_exp − log_sum_exp[row]) · their out: a block a row.
extern "C" __global__ void __launch_bounds__(THREADS)
    flash_decode_combine(u32 rows, u32 splits, u32 head_dim, const float* split_out, const float* split_log_sum_exp,
                         float* out, float* log_sum_exp) {
    __shared__ float weights[SPLITS_MAX];
    for (u32 row = blockIdx.x; row < rows; row += gridDim.x) {
        u64 first = u64(row) * splits;
        __syncthreads();  // the row before has been read
        if (threadIdx.x < splits) {
            weights[threadIdx.x] = split_log_sum_exp[first + threadIdx.x];
        }
        __syncthreads();
        float max = minus_infinity(), sum = 0.0f;
        for (u32 split = 0; split < splits; ++split) {
            max = fmaxf(max, weights[split]);
        }
        float base = max == minus_infinity() ? 0.0f : max;
        for (u32 split = 0; split < splits; ++split) {
            sum += exp2_approx((weights[split] - base) * LOG2_E);
        }
        float inverse = sum == 0.0f ? 0.0f : 1.0f / sum;
        for (u32 column = threadIdx.x; column < head_dim; column += THREADS) {
            float combined = 0.0f;
            for (u32 split = 0; split < splits; ++split) {
                float weight = exp2_approx((weights[split] - base) * LOG2_E) * inverse;
                combined += weight * split_out[(first + split) * head_dim + column];
            }
            out[u64(row) * head_dim + column] = combined;
        }
        if (threadIdx.x == 0) {
            log_sum_exp[row] = sum == 0.0f ? minus_infinity() : max + logf(sum);
        }
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    flash_decode_d32(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim, float scale,
                     u32 causal, const float* q, const float* k, const float* v, u32 split_keys, float* out,
                     float* log_sum_exp) {
    flash_decode<DecodeTiling<32>>({batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0}, q, k, v,
                     split_keys, out, log_sum_exp);
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    flash_decode_d64(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim, float scale,
                     u32 causal, const float* q, const float* k, const float* v, u32 split_keys, float* out,
                     float* log_sum_exp) {
    flash_decode<DecodeTiling<64>>({batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0}, q, k, v,
                     split_keys, out, log_sum_exp);
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    flash_decode_d128(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim, float scale,
                      u32 causal, const float* q, const float* k, const float* v, u32 split_keys, float* out,
                      float* log_sum_exp) {
    flash_decode<DecodeTiling<128>>({batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0}, q, k, v,
                     split_keys, out, log_sum_exp);
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    flash_decode_d256(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim, float scale,
                      u32 causal, const float* q, const float* k, const float* v, u32 split_keys, float* out,
                      float* log_sum_exp) {
    flash_decode<DecodeTiling<256>>({batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0}, q, k, v,
                     split_keys, out, log_sum_exp);
}
