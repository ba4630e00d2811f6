// The two products of the flash kernels in f32, and the stream of tiles that feeds them.
//
// A block owns some rows (of Q, say) for its whole life and streams other rows (of K and V) past them:
//
//     scores[i][j] += own[i] · streamed[j]             sums[i] += Σ_j weight[i][j] · streamed[j]
//
// A block has 128 threads: 16 groups of 8 lanes. A group shares the own rows group, group + 16, …; for the scores a lane takes the
// streamed rows lane, lane + 8, …; for the sums it takes columns 4·lane … 4·lane + 3 of each 32.
//
// Shared memory without conflicts (16-byte reads are served for 8 lanes at a time):
// - streamed rows, for scores: the lanes' rows are neighbours, 68 (d32: 36) floats apart, 4 modulo 32: eight times four banks;
// - streamed rows, for sums: 8 lanes read 128 neighbouring bytes;
// - own rows and weights: one address for the 8 lanes;
// - weights, stored one float at a time by 4 groups: rows 40 (24) floats apart, so 0, 8, 16, 24 (0, 24, 16, 8) modulo 32.
#pragma once
#include "attention.cuh"

constexpr u32 THREADS = 128;
constexpr u32 LANES = 8;
constexpr u32 GROUPS = THREADS / LANES;

template <u32 HEAD_DIM, u32 OWN_ROWS, u32 STREAMED_ROWS>
struct Tiling {
    static constexpr u32 D = HEAD_DIM;  // padded: columns from head_dim on are 0
    static constexpr u32 OWN = OWN_ROWS;
    static constexpr u32 STREAMED = STREAMED_ROWS;
    static constexpr u32 ROWS = OWN / GROUPS;           // own rows of a thread
    static constexpr u32 LANE_ROWS = STREAMED / LANES;  // streamed rows of a lane
    static constexpr u32 CHUNK = D < 64 ? D : 64;       // columns that are streamed at a time
    static constexpr u32 CHUNKS = D / CHUNK;
    static constexpr u32 LANE_COLUMNS = CHUNK / LANES;
    static constexpr u32 STRIDE = CHUNK + 4;
    static constexpr u32 WEIGHT_STRIDE = STREAMED + 8;

    using Own = float[OWN * D];               // [row][column]
    using Slot = float[STREAMED * STRIDE];    // [row][column of the chunk]
    using Weights = float[OWN * WEIGHT_STRIDE];  // [own row][streamed row]
    using Scores = float[ROWS][LANE_ROWS];
    using Sums = float[ROWS][LANE_COLUMNS];  // of a chunk
};

// Which part of which matrix a step of the stream brings.
struct Window {
    Matrix matrix;
    u32 row, column;
};

// Windows of STREAMED × CHUNK elements on their way through two slots of shared memory, in the order that
// Source::window(step) says.
template <typename T, typename Source>
struct Stream {
    Source source;
    u32 steps;
    typename T::Slot* slots;
    u32 step = 0;  // the next to be waited for

    __device__ void start(u32 which) {
        Window next = source.window(which);
        copy_window_async<T::STREAMED, T::CHUNK, T::STRIDE, THREADS>(slots[which % 2], next.matrix, next.row, next.column);
        cp_async_commit();
    }

    // Waits for the next window, starts the one after it and returns the slot. One barrier is enough: past it the window is
    // whole, and nobody reads the slot of the one before any more.
    __device__ const float* advance() {
        cp_async_wait<0>();
        __syncthreads();
        const float* slot = slots[step % 2];
        if (++step < steps) {
            start(step);
        }
        return slot;
    }
};

// Tile by tile, first the chunks of its keys, then those of its values.
template <typename T>
struct KeysThenValues {
    Matrix keys;
    const float* values;  // of the same shape and alignment

    __device__ Window window(u32 step) const {
        u32 tile = step / (2 * T::CHUNKS), part = step % (2 * T::CHUNKS);
        Matrix source = keys;
        source.data = part < T::CHUNKS ? keys.data : values;
        return {source, tile * T::STREAMED, part % T::CHUNKS * T::CHUNK};
    }
};

// scores[i][j] += own row i · streamed row j, over the chunk's columns; `own` points to the chunk's first.
template <typename T>
__device__ inline void add_scores(typename T::Scores& scores, const float* own, const float* slot) {
    u32 group = threadIdx.x / LANES, lane = threadIdx.x % LANES;
#pragma unroll 2
    for (u32 column = 0; column < T::CHUNK; column += 4) {
        float streamed[T::LANE_ROWS][4];
#pragma unroll
        for (u32 j = 0; j < T::LANE_ROWS; ++j) {
            load_4(streamed[j], &slot[(lane + LANES * j) * T::STRIDE + column]);
        }
#pragma unroll
        for (u32 i = 0; i < T::ROWS; ++i) {
            float row[4];
            load_4(row, &own[(group + GROUPS * i) * T::D + column]);
#pragma unroll
            for (u32 j = 0; j < T::LANE_ROWS; ++j) {
#pragma unroll
                for (u32 e = 0; e < 4; ++e) {
                    scores[i][j] += row[e] * streamed[j][e];
                }
            }
        }
    }
}

// sums[i][..] += Σ_j weights[i][j] · streamed row j[..], over the chunk's columns.
template <typename T>
__device__ inline void add_weighted(typename T::Sums& sums, const float* weights, const float* slot) {
    u32 group = threadIdx.x / LANES, lane = threadIdx.x % LANES;
#pragma unroll 2
    for (u32 j = 0; j < T::STREAMED; j += 4) {
        float weight[T::ROWS][4];
#pragma unroll
        for (u32 i = 0; i < T::ROWS; ++i) {
            load_4(weight[i], &weights[(group + GROUPS * i) * T::WEIGHT_STRIDE + j]);
        }
#pragma unroll
        for (u32 e = 0; e < 4; ++e) {
#pragma unroll
            for (u32 c = 0; c < T::LANE_COLUMNS; c += 4) {
                float streamed[4];
                load_4(streamed, &slot[(j + e) * T::STRIDE + 8 * c + 4 * lane]);
#pragma unroll
                for (u32 i = 0; i < T::ROWS; ++i) {
#pragma unroll
                    for (u32 f = 0; f < 4; ++f) {
                        sums[i][c + f] += weight[i][e] * streamed[f];
                    }
                }
            }
        }
    }
}

// Four neighbouring columns of a row, as far as they are inside.
__device__ inline void store_4(float* row, u32 column, u32 columns, bool aligned, const float* sums, float factor) {
    if (aligned && column < columns) {
        *reinterpret_cast<float4*>(row + column) =
            make_float4(sums[0] * factor, sums[1] * factor, sums[2] * factor, sums[3] * factor);
        return;
    }
#pragma unroll
    for (u32 e = 0; e < 4; ++e) {
        if (column + e < columns) {
            row[column + e] = sums[e] * factor;
        }
    }
}

// row ← factor · the sums of the thread's own row i.
template <typename T>
__device__ inline void store_row(float* row, u32 columns, bool aligned, const typename T::Sums (&sums)[T::CHUNKS], u32 i,
                                 float factor) {
    u32 lane = threadIdx.x % LANES;
#pragma unroll
    for (u32 chunk = 0; chunk < T::CHUNKS; ++chunk) {
#pragma unroll
        for (u32 c = 0; c < T::LANE_COLUMNS; c += 4) {
            store_4(row, chunk * T::CHUNK + 8 * c + 4 * lane, columns, aligned, &sums[chunk][i][c], factor);
        }
    }
}
