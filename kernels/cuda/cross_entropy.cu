// Cross-entropy of each row of a row-major matrix of logits, and its gradient.
//
// The plain loops, for a row whose target is column t:
//
//     log_sum_exp = log(Σ_j exp(logits[j]))              loss = log_sum_exp - logits[t]
//     d_logits[j] = d_loss * (exp(logits[j] - log_sum_exp) - (j == t))
//
// What changes here, and why:
// 1. The sum is relative to the row's maximum, and both are found in one pass. (softmax.cu, rows.cuh)
// 2. The probabilities are never written: the forward pass keeps log_sum_exp, one number a row, from which the backward pass makes
//    each of them again. A vocabulary is wide, and memory is what one waits for.
// 3. loss = (max − logits[t]) + log(sum): the difference of two neighbours first, which is exact where they are close.
//
// A target that is not a column leaves its row out: loss, log_sum_exp and gradient 0, and its logits are not read. (The largest number is
// what the launcher's IGNORE is.) A row that is all −∞ has log_sum_exp −∞, loss +∞ and probabilities 0. A NaN makes its row NaN.
//
// Bytes from and to global memory: forward 4·(rows·columns + 4·rows), backward 4·(2·rows·columns + 3·rows), for rows that count.
#include "rows.cuh"

extern "C" __global__ void __launch_bounds__(ROW_THREADS)
    cross_entropy(u32 rows, u32 columns, const float* logits, const u32* targets, float* loss, float* log_sum_exp) {
    for (u32 row = blockIdx.x; row < rows; row += gridDim.x) {
        const float* logit = logits + u64(row) * columns;
        u32 target = targets[row];
        if (target >= columns) {
            if (threadIdx.x == 0) {
                loss[row] = 0.0f;
                log_sum_exp[row] = 0.0f;
            }
            continue;  // the whole block: nobody waits at a barrier
        }
        Online mine = {minus_infinity(), 0.0f};
        for (u32 j = threadIdx.x; j < columns; j += ROW_THREADS) {
            mine = merge(mine, {logit[j], 1.0f});
        }
        Online all = merge_over_row(mine);
        if (threadIdx.x == 0) {
            bool possible = all.sum != 0.0f;  // NaN is not 0
            loss[row] = possible ? (all.max - logit[target]) + logf(all.sum) : -minus_infinity();
            log_sum_exp[row] = possible ? all.max + logf(all.sum) : minus_infinity();
        }
    }
}

extern "C" __global__ void __launch_bounds__(ROW_THREADS)
    cross_entropy_backward(u32 rows, u32 columns, const float* logits, const u32* targets, const float* log_sum_exp,
                           const float* d_loss, float* d_logits) {
    for (u32 row = blockIdx.x; row < rows; row += gridDim.x) {
        const float* logit = logits + u64(row) * columns;
        float* d_logit = d_logits + u64(row) * columns;
        u32 target = targets[row];
        if (target >= columns) {
            for (u32 j = threadIdx.x; j < columns; j += ROW_THREADS) {
                d_logit[j] = 0.0f;
            }
            continue;
        }
        float weight = d_loss[row], sum = log_sum_exp[row];
        for (u32 j = threadIdx.x; j < columns; j += ROW_THREADS) {
            float probability = sum == minus_infinity() ? 0.0f : exp2_approx((logit[j] - sum) * LOG2_E);
            d_logit[j] = weight * (probability - (j == target ? 1.0f : 0.0f));
        }
    }
}
