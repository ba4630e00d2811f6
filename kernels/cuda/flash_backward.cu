// The gradients of attention without the N×N matrix: dQ, dK and dV from dOut, in f32.
//
// The plain formulas, for each head, with P = softmax(scale·Q·Kᵀ) and out = P·V:
//
//     dV = Pᵀ·dOut        dP = dOut·Vᵀ        dS[i][j] = P[i][j] · (dP[i][j] − delta[i])        delta[i] = dOut[i] · out[i]
//     dQ = scale·dS·K     dK = scale·dSᵀ·Q
//
// What changes here, and why:
// 1. P is not kept by the forward pass: P[i][j] = exp(score − log_sum_exp[i]) is computed again, tile by tile. More arithmetic, and
//    N² fewer numbers to read: faster, since memory is what one waits for. (Dao et al. 2022, "FlashAttention", algorithm 4)
// 2. delta[i] = Σ_j P[i][j]·dP[i][j] is also dOut[i]·out[i], which needs no row of P: a first kernel computes it once.
// 3. Two kernels, one that owns queries and sums dQ over keys, one that owns keys and sums dK and dV over queries. Each computes P
//    and dP: seven products instead of five, but no two blocks ever add to the same number. No atomics, so the same bits in
//    every run. (FlashAttention-2 adds dQ with atomics in one kernel, and offers a slower deterministic mode.)
// 4. Grouped heads: the kernel that owns keys goes through all query heads that share them.
// 5. Tiles that the causal mask hides whole are skipped, at the end of the keys or at the start of the queries.
// 6. Own rows stay in shared memory; the others stream through two slots, each window twice: once for the scores, once for the
//    sums. (flash.cuh)
//
// Memory is the inputs and outputs and delta, one number a query. Bytes from and to global memory, a head, not causal, T own rows:
//     delta 4·2·N·d + 32·N     dQ 4·(3·N·d + 2·N + ⌈N/T⌉·3·M·d)      dK, dV 4·(4·M·d + ⌈M/T⌉·(4·N·d + 2·N))
// A delta is stored alone, and moves a sector of 32 bytes.
#include "flash.cuh"

// Own rows: two matrices of them are resident. At d256 tiles of 16×16 keep a block below 48 KiB.
template <u32 D>
using BackwardTiling = Tiling<D, (D < 128 ? 32 : 16), (D < 256 ? 32 : 16)>;

template <typename T>
struct Shared {
    typename T::Own own[2];
    typename T::Slot slots[2];
    typename T::Weights probabilities;    // P
    typename T::Weights score_gradients;  // dS / scale
};

// What the kernels read.
struct Inputs {
    const float *q, *k, *v, *d_out, *log_sum_exp, *delta;
};

// delta[row] = out[row] · d_out[row]: a warp a row.
extern "C" __global__ void __launch_bounds__(256)
    flash_backward_delta(u32 rows, u32 head_dim, const float* out, const float* d_out, float* delta) {
    u32 lane = threadIdx.x % 32;
    for (u64 row = u64(blockIdx.x) * 8 + threadIdx.x / 32; row < rows; row += u64(gridDim.x) * 8) {
        float sum = 0.0f;
        for (u32 column = lane; column < head_dim; column += 32) {
            sum += out[row * head_dim + column] * d_out[row * head_dim + column];
        }
        sum = sum_over_lanes<32>(sum);
        if (lane == 0) {
            delta[row] = sum;
        }
    }
}

// P of one score: 0 where the key is not seen.
__device__ inline float probability(float score, float scale, float log_sum_exp, bool seen) {
    return seen ? exp2_approx((score * scale - log_sum_exp) * LOG2_E) : 0.0f;
}

// ---- dQ: a block owns queries; K, V, K stream by ---------------------------------------------------------------------

template <typename T>
struct KeysValuesKeys {
    Matrix keys;
    const float* values;

    __device__ Window window(u32 step) const {
        u32 tile = step / (3 * T::CHUNKS), part = step % (3 * T::CHUNKS);
        Matrix source = keys;
        source.data = part / T::CHUNKS == 1 ? values : keys.data;
        return {source, tile * T::STREAMED, part % T::CHUNKS * T::CHUNK};
    }
};

// scores ← own · streamed, over all chunks.
template <typename T, typename Source>
__device__ inline void score_tile(typename T::Scores& scores, Stream<T, Source>& stream, const float* own) {
#pragma unroll 1
    for (u32 chunk = 0; chunk < T::CHUNKS; ++chunk) {
        const float* slot = stream.advance();
        add_scores<T>(scores, own + chunk * T::CHUNK, slot);
    }
}

// sums += weights · streamed, over all chunks.
template <typename T, typename Source>
__device__ inline void sum_tile(typename T::Sums (&sums)[T::CHUNKS], Stream<T, Source>& stream, const float* weights) {
#pragma unroll
    for (u32 chunk = 0; chunk < T::CHUNKS; ++chunk) {
        const float* slot = stream.advance();
        add_weighted<T>(sums[chunk], weights, slot);
    }
}

template <typename T>
__device__ void flash_backward_dq(const Attention& problem, const Inputs& in, float* d_q) {
    __shared__ __align__(16) Shared<T> shared;
    u32 tiles = ceil_div(problem.queries, T::OWN);
    u32 head = blockIdx.x / tiles;
    if (head >= problem.batch * problem.heads) {
        return;
    }
    u32 first_query = (tiles - 1 - blockIdx.x % tiles) * T::OWN;
    u32 last_query = min(first_query + T::OWN, problem.queries) - 1;
    u32 key_tiles = ceil_div(problem.visible(last_query), T::STREAMED);
    u32 group = threadIdx.x / LANES, lane = threadIdx.x % LANES;

    Matrix keys = problem.key_rows(in.k, problem.kv_head(head)), values = problem.key_rows(in.v, problem.kv_head(head));
    keys.aligned = keys.aligned && values.aligned;
    Stream<T, KeysValuesKeys<T>> stream = {{keys, values.data}, key_tiles * 3 * T::CHUNKS, shared.slots};
    if (key_tiles > 0) {
        copy_window_async<T::OWN, T::D, T::D, THREADS>(shared.own[0], problem.query_rows(in.q, head), first_query, 0);
        copy_window_async<T::OWN, T::D, T::D, THREADS>(shared.own[1], problem.query_rows(in.d_out, head), first_query, 0);
        stream.start(0);
    }
    float log_sum_exp[T::ROWS], delta[T::ROWS];
#pragma unroll
    for (u32 i = 0; i < T::ROWS; ++i) {
        u64 query = u64(head) * problem.queries + min(first_query + group + GROUPS * i, problem.queries - 1);
        log_sum_exp[i] = in.log_sum_exp[query];
        delta[i] = in.delta[query];
    }
    typename T::Sums sums[T::CHUNKS] = {};
    for (u32 tile = 0; tile < key_tiles; ++tile) {
        typename T::Scores scores = {}, d_p = {};
        score_tile<T>(scores, stream, shared.own[0]);
        score_tile<T>(d_p, stream, shared.own[1]);
#pragma unroll
        for (u32 i = 0; i < T::ROWS; ++i) {
            u32 row = group + GROUPS * i;
            u32 visible = problem.visible(first_query + row);
#pragma unroll
            for (u32 j = 0; j < T::LANE_ROWS; ++j) {
                u32 column = lane + LANES * j;
                bool seen = tile * T::STREAMED + column < visible;
                float p = probability(scores[i][j], problem.scale, log_sum_exp[i], seen);
                shared.score_gradients[row * T::WEIGHT_STRIDE + column] = p * (d_p[i][j] - delta[i]);
            }
        }
        sum_tile<T>(sums, stream, shared.score_gradients);
    }

    float* rows = d_q + problem.query_start(head);
    bool aligned = rows_are_aligned(rows, problem.head_dim);
#pragma unroll
    for (u32 i = 0; i < T::ROWS; ++i) {
        u32 query = first_query + group + GROUPS * i;
        if (query < problem.queries) {
            store_row<T>(rows + u64(query) * problem.head_dim, problem.head_dim, aligned, sums, i, problem.scale);
        }
    }
}

// ---- dK, dV: a block owns keys; Q, dOut, dOut, Q of every query head of the group stream by --------------------------

template <typename T>
struct QueriesAndGradients {
    Matrix queries;  // of the group's first head; the heads follow each other
    const float* d_out;
    u32 first_tile, tiles;  // of each head

    __device__ u32 head(u32 tile) const {
        return tile / tiles;
    }

    // The first query of a tile, in its head.
    __device__ u32 row(u32 tile) const {
        return (first_tile + tile % tiles) * T::STREAMED;
    }

    __device__ Window window(u32 step) const {
        u32 tile = step / (4 * T::CHUNKS), part = step % (4 * T::CHUNKS);
        u32 pass = part / T::CHUNKS;
        Matrix source = queries;
        source.data = (pass == 0 || pass == 3 ? queries.data : d_out) + u64(head(tile)) * queries.rows * queries.columns;
        return {source, row(tile), part % T::CHUNKS * T::CHUNK};
    }
};

template <typename T>
__device__ void flash_backward_dkv(const Attention& problem, const Inputs& in, float* d_k, float* d_v) {
    __shared__ __align__(16) Shared<T> shared;
    u32 key_tiles = ceil_div(problem.key_capacity, T::OWN);
    u32 kv_head = blockIdx.x / key_tiles;
    if (kv_head >= problem.batch * problem.kv_heads) {
        return;
    }
    u32 first_key = blockIdx.x % key_tiles * T::OWN;
    u32 group = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    u32 sharing = problem.heads / problem.kv_heads;  // query heads of this key/value head
    u32 first_head = kv_head * sharing;              // counted through the batch, as kv_head is

    Matrix queries = problem.query_rows(in.q, first_head), gradients = problem.query_rows(in.d_out, first_head);
    // Later heads start at multiples of queries·head_dim: aligned, if rows are.
    queries.aligned = queries.aligned && gradients.aligned;
    u32 first_tile = first_key < problem.keys ? problem.first_query(first_key) / T::STREAMED : 0;
    u32 tiles = first_key < problem.keys ? ceil_div(problem.queries, T::STREAMED) - first_tile : 0;
    Stream<T, QueriesAndGradients<T>> stream = {
        {queries, gradients.data, first_tile, tiles}, sharing * tiles * 4 * T::CHUNKS, shared.slots};
    if (tiles > 0) {
        copy_window_async<T::OWN, T::D, T::D, THREADS>(shared.own[0], problem.key_rows(in.k, kv_head), first_key, 0);
        copy_window_async<T::OWN, T::D, T::D, THREADS>(shared.own[1], problem.key_rows(in.v, kv_head), first_key, 0);
        stream.start(0);
    }
    typename T::Sums k_sums[T::CHUNKS] = {}, v_sums[T::CHUNKS] = {};
    for (u32 tile = 0; tile < sharing * tiles; ++tile) {
        typename T::Scores scores = {}, d_p = {};  // both transposed: [own key][streamed query]
        score_tile<T>(scores, stream, shared.own[0]);
        score_tile<T>(d_p, stream, shared.own[1]);
#pragma unroll
        for (u32 j = 0; j < T::LANE_ROWS; ++j) {
            u32 column = lane + LANES * j;
            u32 query = stream.source.row(tile) + column;
            u32 visible = problem.visible(query);
            u64 place = u64(first_head + stream.source.head(tile)) * problem.queries + min(query, problem.queries - 1);
            float log_sum_exp = in.log_sum_exp[place], delta = in.delta[place];
#pragma unroll
            for (u32 i = 0; i < T::ROWS; ++i) {
                u32 row = group + GROUPS * i;
                float p = probability(scores[i][j], problem.scale, log_sum_exp, first_key + row < visible);
                shared.probabilities[row * T::WEIGHT_STRIDE + column] = p;
                shared.score_gradients[row * T::WEIGHT_STRIDE + column] = p * (d_p[i][j] - delta);
            }
        }
        sum_tile<T>(v_sums, stream, shared.probabilities);
        sum_tile<T>(k_sums, stream, shared.score_gradients);
    }

    u64 start = problem.key_start(kv_head);
    bool aligned = rows_are_aligned(d_k + start, problem.head_dim) && rows_are_aligned(d_v + start, problem.head_dim);
#pragma unroll
    for (u32 i = 0; i < T::ROWS; ++i) {
        u32 key = first_key + group + GROUPS * i;
        if (key < problem.key_capacity) {  // rows past the last key receive 0
            u64 row = start + u64(key) * problem.head_dim;
            store_row<T>(d_k + row, problem.head_dim, aligned, k_sums, i, problem.scale);
            store_row<T>(d_v + row, problem.head_dim, aligned, v_sums, i, 1.0f);
        }
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    flash_backward_dq_d32(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim,
    float scale, u32 causal, const float* q, const float* k, const float* v, const float* d_out,
    const float* log_sum_exp, const float* delta, float* d_q) {
    flash_backward_dq<BackwardTiling<32>>(
        {batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0},
        {q, k, v, d_out, log_sum_exp, delta}, d_q);
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    flash_backward_dq_d64(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim,
    float scale, u32 causal, const float* q, const float* k, const float* v, const float* d_out,
    const float* log_sum_exp, const float* delta, float* d_q) {
    flash_backward_dq<BackwardTiling<64>>(
        {batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0},
        {q, k, v, d_out, log_sum_exp, delta}, d_q);
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    flash_backward_dq_d128(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim,
    float scale, u32 causal, const float* q, const float* k, const float* v, const float* d_out,
    const float* log_sum_exp, const float* delta, float* d_q) {
    flash_backward_dq<BackwardTiling<128>>(
        {batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0},
        {q, k, v, d_out, log_sum_exp, delta}, d_q);
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    flash_backward_dq_d256(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim,
    float scale, u32 causal, const float* q, const float* k, const float* v, const float* d_out,
    const float* log_sum_exp, const float* delta, float* d_q) {
    flash_backward_dq<BackwardTiling<256>>(
        {batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0},
        {q, k, v, d_out, log_sum_exp, delta}, d_q);
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    flash_backward_dkv_d32(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim,
    float scale, u32 causal, const float* q, const float* k, const float* v, const float* d_out,
    const float* log_sum_exp, const float* delta, float* d_k, float* d_v) {
    flash_backward_dkv<BackwardTiling<32>>(
        {batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0},
        {q, k, v, d_out, log_sum_exp, delta}, d_k, d_v);
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    flash_backward_dkv_d64(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim,
    float scale, u32 causal, const float* q, const float* k, const float* v, const float* d_out,
    const float* log_sum_exp, const float* delta, float* d_k, float* d_v) {
    flash_backward_dkv<BackwardTiling<64>>(
        {batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0},
        {q, k, v, d_out, log_sum_exp, delta}, d_k, d_v);
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    flash_backward_dkv_d128(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim,
    float scale, u32 causal, const float* q, const float* k, const float* v, const float* d_out,
    const float* log_sum_exp, const float* delta, float* d_k, float* d_v) {
    flash_backward_dkv<BackwardTiling<128>>(
        {batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0},
        {q, k, v, d_out, log_sum_exp, delta}, d_k, d_v);
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    flash_backward_dkv_d256(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim,
    float scale, u32 causal, const float* q, const float* k, const float* v, const float* d_out,
    const float* log_sum_exp, const float* delta, float* d_k, float* d_v) {
    flash_backward_dkv<BackwardTiling<256>>(
        {batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0},
        {q, k, v, d_out, log_sum_exp, delta}, d_k, d_v);
}
