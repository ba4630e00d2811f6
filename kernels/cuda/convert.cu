// output[i] = input[i], rounded to nearest even to 16 bits: what the tensor-core kernels read.
//
// The plain loop is the kernel's; a grid of any size walks over the array in strides, so that neighbouring lanes read neighbouring
// numbers. bf16 keeps f32's range and 8 bits of precision; f16 has 11 bits and ends at 65,504, beyond which lies infinity.
#include "ptx.cuh"

template <typename Round>
__device__ inline void convert(u64 count, const float* input, u16* output, Round round) {
    u64 stride = u64(gridDim.x) * blockDim.x;
    for (u64 i = u64(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride) {
        output[i] = round(input[i]);
    }
}

extern "C" __global__ void convert_f32_to_bf16(u64 count, const float* input, u16* output) {
    convert(count, input, output, round_to_bf16);
}

extern "C" __global__ void convert_f32_to_f16(u64 count, const float* input, u16* output) {
    convert(count, input, output, round_to_f16);
}
