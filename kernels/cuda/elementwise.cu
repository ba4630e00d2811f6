// What happens to each number alone: sums of two paths, ReLU and its gradient, and the loss of a probability that is kept off 0.
//
// The plain loops:
//
//     add               y[i] += x[i]
//     relu              x[i] = max(x[i], 0)
//     relu_backward     d_x[i] = y[i] > 0 ? d_x[i] : 0
//     floored_loss      p = exp(-loss[i])
//                       loss[i] = -weight[i] * log(p + floor)         d_loss[i] = weight[i] * p / (p + floor)
//
// What changes here: a grid of any size walks over the arrays in strides, so that neighbouring lanes read neighbouring numbers. Each
// kernel waits for memory alone, which is why deep-learning compilers fuse such loops into their neighbours.
//
// ReLU of a NaN is 0, as of everything that is not above 0. floored_loss turns cross_entropy.cu's −log p into −log(p + floor), times the
// row's weight, and gives the factor that cross_entropy_backward wants: the derivative of the one with respect to the other.
//
// Bytes from and to global memory for `count` numbers: add and relu_backward 4·3, relu 4·2, floored_loss 4·4.
#include "lanes.cuh"

template <typename Each>
__device__ inline void for_each(u64 count, Each each) {
    u64 stride = u64(gridDim.x) * blockDim.x;
    for (u64 i = u64(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride) {
        each(i);
    }
}

extern "C" __global__ void add(u64 count, const float* x, float* y) {
    for_each(count, [&](u64 i) { y[i] += x[i]; });
}

extern "C" __global__ void relu(u64 count, float* x) {
    for_each(count, [&](u64 i) { x[i] = x[i] > 0.0f ? x[i] : 0.0f; });
}

extern "C" __global__ void relu_backward(u64 count, const float* y, float* d_x) {
    for_each(count, [&](u64 i) { d_x[i] = y[i] > 0.0f ? d_x[i] : 0.0f; });
}

extern "C" __global__ void floored_loss(u64 count, float floor, const float* weight, float* loss, float* d_loss) {
    for_each(count, [&](u64 i) {
        float p = exp2_approx(-loss[i] * LOG2_E);
        loss[i] = -weight[i] * logf(p + floor);
        d_loss[i] = weight[i] * (p / (p + floor));
    });
}
