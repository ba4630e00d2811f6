// One part of a program of several (-rdc=true): variables and functions from elsewhere, weak and visible ones.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>

namespace cg = cooperative_groups;

extern __device__ int elsewhere[4];
extern __constant__ float scale;
__device__ int here[2] = {3, 4};
__device__ int *both[2] = {here, elsewhere + 1};

extern __device__ float transform(float x, int k);
__device__ float local_transform(float x) { return transform(x, here[0]) * scale; }
inline __device__ __noinline__ int shared_inline(int x) { return x * elsewhere[x & 3]; }

__global__ void groups(float *out, const float *in, int n)
{
    extern __shared__ float scratch[];
    cg::thread_block block = cg::this_thread_block();
    cg::thread_block_tile<32> warp = cg::tiled_partition<32>(block);
    float sum = 0.f;
    for (int i = block.thread_rank(); i < n; i += block.size())
        sum += local_transform(in[i]);
    sum = cg::reduce(warp, sum, cg::plus<float>());
    if (warp.thread_rank() == 0)
        scratch[warp.meta_group_rank()] = sum;
    block.sync();
    if (block.thread_rank() == 0) {
        cg::coalesced_group active = cg::coalesced_threads();
        out[blockIdx.x] = scratch[0] + shared_inline(int(active.size())) + *both[1];
    }
}
