// Flash attention on tensor cores: Q, K, V in bf16; scores, softmax, sums, out and log_sum_exp in f32.
//
// The plain loops and the algorithm are in flash_forward.cu. What changes here, and why:
// 1. Both products are mma.m16n8k16. A warp owns 16 queries whole, so a row's softmax never leaves its four lanes; the four
//    warps of a block share the tiles of K and V, and own 64 queries. (Dao 2023, "FlashAttention-2", 3.3)
// 2. The scores come out of the first product in the pattern in which the second one wants its left operand: rounded to bf16
//    they are used where they lie, without shared memory. (PTX ISA, "Matrix Fragments for mma.m16n8k16 with
//    floating point type": A and D)
// 3. K's rows run along the head dimension, which is how B's fragments lie; V's run across it, and ldmatrix turns them.
// 4. Q stays in shared memory and is loaded piece by piece: for d256 its fragments would take 64 registers more.
// 5. K and V stream through two slots by cp.async: K₀ V₀ K₁ V₁ …, one ahead, one wait and one barrier a step.
// 6. Rows in shared memory are permuted, so that neither copies nor ldmatrix meet a bank conflict. (half.cuh)
//
// Weights are rounded to bf16 before they are multiplied with V, their sum is not: out is within about 2⁻⁸ of the largest |v|.
// Bytes from and to global memory, a head, not causal: 2·N·d (Q) + ⌈N/64⌉·2·2·M·d (K, V) + 4·N·(d + 1) (out, log_sum_exp).
//
// The head dimension is padded to 32, 64, 128 or 256, an entry each; at d256 keys come 16 at a time, so that a block stays
// within 48 KiB. Where rows are not aligned to 16 bytes, numbers are read one by one.
#include "attention.cuh"
#include "half.cuh"

constexpr u32 THREADS = 128;
constexpr u32 QUERIES = 64;  // of a block, 16 of a warp

template <u32 HEAD_DIM>
struct Tiling {
    static constexpr u32 D = HEAD_DIM;
    static constexpr u32 KEYS = D < 128 ? 64 : 4096 / D;  // of a tile
    static constexpr u32 KEY_PIECES = KEYS / 8;           // columns of the scores, by 8
    static constexpr u32 DIM_PIECES = D / 8;              // columns of out, by 8

    // In the pattern of the mma's result: row lane / 4 and, from [2] on, row lane / 4 + 8.
    using Scores = float[KEY_PIECES][4];
    using Sums = float[DIM_PIECES][4];
};

template <typename T>
struct Shared {
    u16 q[QUERIES * T::D];         // [query][column], permuted
    u16 slots[2][T::KEYS * T::D];  // [key][column], permuted: keys, values
};

// K and V of a head on their way through the slots.
template <typename T>
struct Stream {
    HalfMatrix keys;
    const u16* values;  // of the same shape and alignment
    u32 steps;          // 2 a tile
    Shared<T>& shared;
    u32 step = 0;

    __device__ void start(u32 which) {
        HalfMatrix source = keys;
        source.data = which % 2 == 0 ? keys.data : values;
        copy_half_window<T::KEYS, T::D, THREADS>(shared.slots[which % 2], source, which / 2 * T::KEYS, 0);
        cp_async_commit();
    }

    // Waits for the next tile and starts the one after it.
    __device__ void advance() {
        cp_async_wait<0>();
        __syncthreads();
        if (++step < steps) {
            start(step);
        }
    }
};

// scores += the warp's 16 queries · the tile's keys.
template <typename T>
__device__ inline void add_scores(typename T::Scores& scores, const u16* q, const u16* keys) {
#pragma unroll 4
    for (u32 column = 0; column < T::D; column += 16) {
        u32 a[4];
        load_a<T::D>(a, q, threadIdx.x / 32 * 16, column);
#pragma unroll
        for (u32 piece = 0; piece < T::KEY_PIECES; piece += 2) {
            u32 b[4];
            load_b_transposed<T::D>(b, keys, piece * 8, column);
            mma_m16n8k16_bf16(scores[piece], a, b[0], b[1]);
            mma_m16n8k16_bf16(scores[piece + 1], a, b[2], b[3]);
        }
    }
}

// Scores become weights; the two rows' corrections are returned.
template <typename T>
__device__ inline void weigh(typename T::Scores& scores, OnlineRow (&rows)[2], float scale_log2, u32 first_key,
                             const u32 (&visible)[2], float (&correction)[2]) {
    u32 pair = threadIdx.x % 4 * 2;
#pragma unroll
    for (u32 r = 0; r < 2; ++r) {
        float tile_max = minus_infinity();
#pragma unroll
        for (u32 j = 0; j < 2 * T::KEY_PIECES; ++j) {
            float& score = scores[j / 2][2 * r + j % 2];
            bool seen = first_key + j / 2 * 8 + pair + j % 2 < visible[r];
            score = seen ? score * scale_log2 : minus_infinity();
            tile_max = fmaxf(tile_max, score);
        }
        correction[r] = rows[r].raise(max_over_lanes<4>(tile_max));
#pragma unroll
        for (u32 j = 0; j < 2 * T::KEY_PIECES; ++j) {
            float& score = scores[j / 2][2 * r + j % 2];
            score = exp2_approx(score - rows[r].base());
            rows[r].sum += score;  // this lane's part
        }
    }
}

// sums += weights · the tile's values.
template <typename T>
__device__ inline void add_weighted(typename T::Sums& sums, const typename T::Scores& weights, const u16* values) {
#pragma unroll
    for (u32 key = 0; key < T::KEYS; key += 16) {
        const float(&left)[4] = weights[key / 8];
        const float(&right)[4] = weights[key / 8 + 1];
        u32 a[4] = {pack_bf16(left[0], left[1]), pack_bf16(left[2], left[3]), pack_bf16(right[0], right[1]),
                    pack_bf16(right[2], right[3])};
#pragma unroll
        for (u32 piece = 0; piece < T::DIM_PIECES; piece += 2) {
            u32 b[4];
            load_b<T::D>(b, values, key, piece * 8);
            mma_m16n8k16_bf16(sums[piece], a, b[0], b[1]);
            mma_m16n8k16_bf16(sums[piece + 1], a, b[2], b[3]);
        }
    }
}

// Two neighbouring columns of a row of out, as far as they are inside.
__device__ inline void store_2(float* row, u32 column, u32 columns, bool aligned, float first, float second) {
    if (aligned && column < columns) {
        *reinterpret_cast<float2*>(row + column) = make_float2(first, second);
        return;
    }
    if (column < columns) {
        row[column] = first;
    }
    if (column + 1 < columns) {
        row[column + 1] = second;
    }
}

__device__ inline HalfMatrix half_rows(const u16* data, u64 start, u32 rows, u32 columns) {
    return half_matrix(data + start, rows, columns, columns);
}

template <typename T>
__device__ void flash_forward_mma(const Attention& problem, const u16* q, const u16* k, const u16* v, float* out,
                                  float* log_sum_exp) {
    __shared__ __align__(16) Shared<T> shared;
    u32 tiles = ceil_div(problem.queries, QUERIES);
    u32 head = blockIdx.x / tiles;
    if (head >= problem.batch * problem.heads) {
        return;
    }
    u32 first_query = (tiles - 1 - blockIdx.x % tiles) * QUERIES;
    u32 last_query = min(first_query + QUERIES, problem.queries) - 1;
    u32 key_tiles = ceil_div(problem.visible(last_query), T::KEYS);
    u64 key_start = problem.key_start(problem.kv_head(head));
    u32 head_dim = problem.head_dim;

    HalfMatrix keys = half_rows(k, key_start, problem.keys, head_dim);
    keys.aligned = keys.aligned && rows_are_aligned(v + key_start, head_dim);
    Stream<T> stream = {keys, v + key_start, 2 * key_tiles, shared};
    if (key_tiles > 0) {
        HalfMatrix queries = half_rows(q, problem.query_start(head), problem.queries, head_dim);
        copy_half_window<QUERIES, T::D, THREADS>(shared.q, queries, first_query, 0);
        stream.start(0);
    }
    u32 lane = threadIdx.x % 32;
    u32 query = first_query + threadIdx.x / 32 * 16 + lane / 4;  // the lane's first row; the second is 8 further
    u32 visible[2] = {problem.visible(query), problem.visible(query + 8)};
    OnlineRow rows[2];
    typename T::Sums sums = {};
    for (u32 tile = 0; tile < key_tiles; ++tile) {
        typename T::Scores scores = {};
        stream.advance();
        add_scores<T>(scores, shared.q, shared.slots[0]);
        float correction[2];
        weigh<T>(scores, rows, problem.scale * LOG2_E, tile * T::KEYS, visible, correction);
#pragma unroll
        for (u32 piece = 0; piece < T::DIM_PIECES; ++piece) {
#pragma unroll
            for (u32 e = 0; e < 4; ++e) {
                sums[piece][e] *= correction[e / 2];
            }
        }
        stream.advance();
        add_weighted<T>(sums, scores, shared.slots[1]);
    }

    bool aligned = reinterpret_cast<u64>(out) % 8 == 0 && head_dim % 2 == 0;
#pragma unroll
    for (u32 r = 0; r < 2; ++r, query += 8) {
        rows[r].sum = sum_over_lanes<4>(rows[r].sum);
        if (query >= problem.queries) {
            continue;
        }
        float* row = out + problem.query_start(head) + u64(query) * head_dim;
        float inverse = rows[r].inverse_sum();
#pragma unroll
        for (u32 piece = 0; piece < T::DIM_PIECES; ++piece) {
            const float* pair = &sums[piece][2 * r];
            store_2(row, piece * 8 + lane % 4 * 2, head_dim, aligned, pair[0] * inverse, pair[1] * inverse);
        }
        if (lane % 4 == 0) {
            log_sum_exp[u64(head) * problem.queries + query] = rows[r].log_sum_exp();
        }
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    flash_forward_mma_d32(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim,
                          float scale, u32 causal, const u16* q, const u16* k, const u16* v, float* out,
                          float* log_sum_exp) {
    flash_forward_mma<Tiling<32>>({batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0}, q, k,
                                  v, out, log_sum_exp);
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    flash_forward_mma_d64(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim,
                          float scale, u32 causal, const u16* q, const u16* k, const u16* v, float* out,
                          float* log_sum_exp) {
    flash_forward_mma<Tiling<64>>({batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0}, q, k,
                                  v, out, log_sum_exp);
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    flash_forward_mma_d128(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim,
                          float scale, u32 causal, const u16* q, const u16* k, const u16* v, float* out,
                          float* log_sum_exp) {
    flash_forward_mma<Tiling<128>>({batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0}, q, k,
                                  v, out, log_sum_exp);
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    flash_forward_mma_d256(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim,
                          float scale, u32 causal, const u16* q, const u16* k, const u16* v, float* out,
                          float* log_sum_exp) {
    flash_forward_mma<Tiling<256>>({batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0}, q, k,
                                  v, out, log_sum_exp);
}
