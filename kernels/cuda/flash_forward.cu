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
// 6. Registers: 8 lanes share a query row. For the scores a lane owns 4 keys (lane + 8j) of ROWS queries, reading K and Q
//    four floats at a time; for the output it owns 4 columns in each 32.
// 7. Sizes that do not fill a tile: rows and columns outside are zeros (they add nothing to a dot product), masked scores −∞.
//
// Shared memory without conflicts: a 16-byte read is served for 8 lanes at a time. Those of K differ by one row, 68 (36)
// floats, which is 4 modulo 32: eight times four banks. Those of Q and P are one address; those of V 128 neighbouring bytes.
// The stores of P: 4 rows 40 floats apart, 8 lanes each: 0, 8, 16, 24 modulo 32.
//
// The head dimension is padded to 32, 64, 128 or 256, an entry each: the launcher takes the smallest that holds it. The tile of
// queries shrinks as it grows (64, 64, 32, 16), so that the block stays below 48 KiB of shared memory and 128 registers.
#include "attention.cuh"

constexpr u32 THREADS = 128;
constexpr u32 LANES = 8;                 // threads that share a query row
constexpr u32 GROUPS = THREADS / LANES;  // rows at a time
constexpr u32 KEYS = 32;                 // of a tile
constexpr u32 LANE_KEYS = KEYS / LANES;
constexpr u32 P_STRIDE = KEYS + 8;

template <u32 D>
struct Tiling {
    static constexpr u32 QUERIES = D < 64 ? 64 : 4096 / D;  // of a tile
    static constexpr u32 ROWS = QUERIES / GROUPS;           // of a thread: group, group + 16, …
    static constexpr u32 CHUNK = D < 64 ? D : 64;           // columns of K or V in a slot
    static constexpr u32 CHUNKS = D / CHUNK;
    static constexpr u32 STRIDE = CHUNK + 4;
    static constexpr u32 LANE_COLUMNS = CHUNK / LANES;  // of a chunk of the output: 4 in each 32
};

template <u32 D>
struct Shared {
    float q[Tiling<D>::QUERIES * D];              // [query][column]
    float slots[2][KEYS * Tiling<D>::STRIDE];     // [key][column of the chunk]
    float p[Tiling<D>::QUERIES * P_STRIDE];       // [query][key]
};

// K and V on their way through the two slots.
template <u32 D>
struct Stream {
    Matrix keys;
    const float* values;  // of the same shape and alignment
    u32 steps;     // 2·CHUNKS a tile of keys
    u32 step = 0;  // the next to be waited for

    __device__ void start(Shared<D>& shared, u32 which) {
        using T = Tiling<D>;
        u32 tile = which / (2 * T::CHUNKS), part = which % (2 * T::CHUNKS);
        Matrix source = keys;
        source.data = part < T::CHUNKS ? keys.data : values;
        copy_window_async<KEYS, T::CHUNK, T::STRIDE, THREADS>(shared.slots[which % 2], source, tile * KEYS,
                                                              part % T::CHUNKS * T::CHUNK);
        cp_async_commit();
    }

    // Waits for the next chunk and starts the one after it. Past the barrier nobody reads that one's slot any more.
    __device__ void advance(Shared<D>& shared) {
        cp_async_wait<0>();
        __syncthreads();
        if (++step < steps) {
            start(shared, step);
        }
    }
};

// scores[i][j] += Q's row i · K's row j, over the chunk's columns.
template <u32 D>
__device__ void add_scores(float (&scores)[Tiling<D>::ROWS][LANE_KEYS], const float* q, const float* slot) {
    using T = Tiling<D>;
    u32 group = threadIdx.x / LANES, lane = threadIdx.x % LANES;
#pragma unroll 2
    for (u32 column = 0; column < T::CHUNK; column += 4) {
        float k[LANE_KEYS][4];
#pragma unroll
        for (u32 j = 0; j < LANE_KEYS; ++j) {
            load_4(k[j], &slot[(lane + LANES * j) * T::STRIDE + column]);
        }
#pragma unroll
        for (u32 i = 0; i < T::ROWS; ++i) {
            float q_row[4];
            load_4(q_row, &q[(group + GROUPS * i) * D + column]);
#pragma unroll
            for (u32 j = 0; j < LANE_KEYS; ++j) {
#pragma unroll
                for (u32 e = 0; e < 4; ++e) {
                    scores[i][j] += q_row[e] * k[j][e];
                }
            }
        }
    }
}

// sums[i][..] += Σ_key P[i][key] · V[key][..], over the tile's keys and the chunk's columns.
template <u32 D>
__device__ void add_values(float (&sums)[Tiling<D>::ROWS][Tiling<D>::LANE_COLUMNS], const float* p, const float* slot) {
    using T = Tiling<D>;
    u32 group = threadIdx.x / LANES, lane = threadIdx.x % LANES;
#pragma unroll 2
    for (u32 key = 0; key < KEYS; key += 4) {
        float weight[T::ROWS][4];
#pragma unroll
        for (u32 i = 0; i < T::ROWS; ++i) {
            load_4(weight[i], &p[(group + GROUPS * i) * P_STRIDE + key]);
        }
#pragma unroll
        for (u32 e = 0; e < 4; ++e) {
#pragma unroll
            for (u32 c = 0; c < T::LANE_COLUMNS; c += 4) {
                float v[4];
                load_4(v, &slot[(key + e) * T::STRIDE + 8 * c + 4 * lane]);
#pragma unroll
                for (u32 i = 0; i < T::ROWS; ++i) {
#pragma unroll
                    for (u32 f = 0; f < 4; ++f) {
                        sums[i][c + f] += weight[i][e] * v[f];
                    }
                }
            }
        }
    }
}

// One row's scores of a tile become weights in shared memory; returns the correction of what was summed before.
__device__ inline float weigh(OnlineRow& row, const float (&scores)[LANE_KEYS], float scale_log2, u32 first_key, u32 visible,
                              float* p_row) {
    u32 lane = threadIdx.x % LANES;
    float masked[LANE_KEYS];
    float tile_max = minus_infinity();
#pragma unroll
    for (u32 j = 0; j < LANE_KEYS; ++j) {
        bool seen = first_key + lane + LANES * j < visible;
        masked[j] = seen ? scores[j] * scale_log2 : minus_infinity();
        tile_max = fmaxf(tile_max, masked[j]);
    }
    float correction = row.raise(max_over_lanes<LANES>(tile_max));
#pragma unroll
    for (u32 j = 0; j < LANE_KEYS; ++j) {
        float weight = exp2_approx(masked[j] - row.base());
        row.sum += weight;  // this lane's part; the lanes' parts meet at the end
        p_row[lane + LANES * j] = weight;
    }
    return correction;
}

// Four neighbouring columns of a row of out.
__device__ inline void store_4(float* row, u32 column, u32 head_dim, bool aligned, const float* sums, float factor) {
    if (aligned && column < head_dim) {
        *reinterpret_cast<float4*>(row + column) =
            make_float4(sums[0] * factor, sums[1] * factor, sums[2] * factor, sums[3] * factor);
        return;
    }
#pragma unroll
    for (u32 e = 0; e < 4; ++e) {
        if (column + e < head_dim) {
            row[column + e] = sums[e] * factor;
        }
    }
}

template <u32 D>
__device__ void flash_forward(const Attention& problem, const float* q, const float* k, const float* v, float* out,
                              float* log_sum_exp) {
    using T = Tiling<D>;
    __shared__ __align__(16) Shared<D> shared;
    u32 tiles = ceil_div(problem.queries, T::QUERIES);
    u32 head = blockIdx.x / tiles;
    if (head >= problem.batch * problem.heads) {
        return;
    }
    u32 first_query = (tiles - 1 - blockIdx.x % tiles) * T::QUERIES;  // under a causal mask the last tile is the longest
    u32 last_query = min(first_query + T::QUERIES, problem.queries) - 1;
    u32 key_tiles = ceil_div(problem.visible(last_query), KEYS);
    u32 group = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    u32 kv_head = problem.kv_head(head);

    Matrix keys = problem.key_rows(k, kv_head), values = problem.key_rows(v, kv_head);
    keys.aligned = keys.aligned && values.aligned;
    Stream<D> stream = {keys, values.data, key_tiles * 2 * T::CHUNKS};
    if (key_tiles > 0) {
        copy_window_async<T::QUERIES, D, D, THREADS>(shared.q, problem.query_rows(q, head), first_query, 0);
        stream.start(shared, 0);
    }
    OnlineRow rows[T::ROWS];
    float sums[T::CHUNKS][T::ROWS][T::LANE_COLUMNS] = {};
    for (u32 tile = 0; tile < key_tiles; ++tile) {
        float scores[T::ROWS][LANE_KEYS] = {};
#pragma unroll 1
        for (u32 chunk = 0; chunk < T::CHUNKS; ++chunk) {
            stream.advance(shared);
            add_scores<D>(scores, shared.q + chunk * T::CHUNK, shared.slots[chunk % 2]);
        }
#pragma unroll
        for (u32 i = 0; i < T::ROWS; ++i) {
            u32 row = group + GROUPS * i;
            float correction = weigh(rows[i], scores[i], problem.scale * LOG2_E, tile * KEYS,
                                     problem.visible(first_query + row), &shared.p[row * P_STRIDE]);
#pragma unroll
            for (u32 c = 0; c < T::CHUNKS * T::LANE_COLUMNS; ++c) {
                sums[c / T::LANE_COLUMNS][i][c % T::LANE_COLUMNS] *= correction;
            }
        }
#pragma unroll
        for (u32 chunk = 0; chunk < T::CHUNKS; ++chunk) {
            stream.advance(shared);  // its barrier makes P visible, too
            add_values<D>(sums[chunk], shared.p, shared.slots[(T::CHUNKS + chunk) % 2]);
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
        float* row = out_rows + u64(query) * problem.head_dim;
#pragma unroll
        for (u32 c = 0; c < T::CHUNKS * T::LANE_COLUMNS; c += 4) {
            u32 chunk = c / T::LANE_COLUMNS, within = c % T::LANE_COLUMNS;
            u32 column = chunk * T::CHUNK + 8 * within + 4 * lane;
            store_4(row, column, problem.head_dim, aligned, &sums[chunk][i][within], rows[i].inverse_sum());
        }
        if (lane == 0) {
            log_sum_exp[u64(head) * problem.queries + query] = rows[i].log_sum_exp();
        }
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    flash_forward_d32(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim, float scale,
                      u32 causal, const float* q, const float* k, const float* v, float* out, float* log_sum_exp) {
    flash_forward<32>({batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0}, q, k, v, out,
                      log_sum_exp);
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    flash_forward_d64(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim, float scale,
                      u32 causal, const float* q, const float* k, const float* v, float* out, float* log_sum_exp) {
    flash_forward<64>({batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0}, q, k, v, out,
                      log_sum_exp);
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    flash_forward_d128(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim, float scale,
                       u32 causal, const float* q, const float* k, const float* v, float* out, float* log_sum_exp) {
    flash_forward<128>({batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0}, q, k, v, out,
                       log_sum_exp);
}

extern "C" __global__ void __launch_bounds__(THREADS, 3)
    flash_forward_d256(u32 batch, u32 heads, u32 kv_heads, u32 queries, u32 keys, u32 key_capacity, u32 head_dim, float scale,
                       u32 causal, const float* q, const float* k, const float* v, float* out, float* log_sum_exp) {
    flash_forward<256>({batch, heads, kv_heads, queries, keys, key_capacity, head_dim, scale, causal != 0}, q, k, v, out,
                       log_sum_exp);
}
