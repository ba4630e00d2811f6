// What every attention kernel agrees on: the shapes, and which keys a query sees.
//
//     q, out, d_out, d_q   [batch, heads, queries, head_dim]         row-major
//     k, v, d_k, d_v       [batch, kv_heads, key_capacity, head_dim]  of which the first `keys` rows of each head are used
//     log_sum_exp          [batch, heads, queries]                    natural logarithm, over scaled scores
//
//     score[i][j] = scale · q[i] · k[j]        out[i] = Σ_j softmax(score[i])[j] · v[j]
//
// Query head h reads key/value head h / (heads / kv_heads). A causal mask aligns the last query with the last key. A row that
// sees no key gives out 0 and log_sum_exp −∞.
#pragma once
#include "lanes.cuh"
#include "tile.cuh"

constexpr float LN_2 = 0.6931471805599453f;

struct Attention {
    u32 batch, heads, kv_heads, queries, keys, key_capacity, head_dim;
    float scale;
    bool causal;

    // Query `query` sees keys 0 … visible − 1. Rows past the last query, which fill up a tile, see none.
    __device__ u32 visible(u32 query) const {
        if (query >= queries) {
            return 0;
        }
        u32 hidden = causal ? queries - 1 - query : 0;
        return keys > hidden ? keys - hidden : 0;
    }

    // The first query that sees `key`: all before it do not.
    __device__ u32 first_query(u32 key) const {
        u32 hidden = keys - 1 - key;
        return causal && queries > hidden + 1 ? queries - 1 - hidden : 0;
    }

    // `head` counts through the batch: batch index · heads + head. Where its key/value head is among batch · kv_heads.
    __device__ u32 kv_head(u32 head) const {
        return head / heads * kv_heads + head % heads / (heads / kv_heads);
    }

    __device__ u64 query_start(u32 head) const {
        return u64(head) * queries * head_dim;
    }

    __device__ u64 key_start(u32 kv_head) const {
        return u64(kv_head) * key_capacity * head_dim;
    }

    // The rows of one head as a matrix.
    __device__ Matrix query_rows(const float* data, u32 head) const {
        return matrix(data + query_start(head), queries, head_dim, head_dim);
    }

    __device__ Matrix key_rows(const float* data, u32 kv_head) const {
        return matrix(data + key_start(kv_head), keys, head_dim, head_dim);
    }
};

// The state of one row's softmax while tiles of keys go by. (Milakov & Gimelshein 2018; Dao et al. 2022, algorithm 1)
// Scores are in units of log 2, so that exp is 2^x.
struct OnlineRow {
    float max = minus_infinity();
    float sum = 0.0f;  // of 2^(score − max)

    // Takes the maximum of a new tile in and returns what everything summed so far is to be multiplied by.
    __device__ float raise(float tile_max) {
        float old = max;
        max = fmaxf(max, tile_max);
        float correction = exp2_approx(old - base());
        sum *= correction;
        return correction;
    }

    // What to subtract from a score: the maximum, or 0 while no key was seen, since −∞ − −∞ would be NaN.
    __device__ float base() const {
        return max == minus_infinity() ? 0.0f : max;
    }

    __device__ float inverse_sum() const {
        return sum == 0.0f ? 0.0f : 1.0f / sum;
    }

    __device__ float log_sum_exp() const {
        return sum == 0.0f ? minus_infinity() : max * LN_2 + logf(sum);
    }
};
