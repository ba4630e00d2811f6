// C ← A·B, a thread an element.
//
// The plain loop on one core:
//
//     for i in 0..m
//         for j in 0..n
//             for p in 0..k
//                 C[i][j] += A[i][p] * B[p][j]
//
// What changes here, and why:
// 1. The loops over i and j are gone. The launch starts a thread for each (i, j), and a thread finds its own pair from its
//    place in its block and its block's place in the grid. No element of C needs another, so no thread waits for another.
//    (CUDA C++ Programming Guide, 2.2 "Thread Hierarchy")
// 2. threadIdx.x runs along a row of C. The 32 threads of a warp execute one instruction together; here they read the same
//    A[i][p] (one transfer for all) and 32 neighbours of B's row p (one 128-byte line). Were x and y exchanged, each would
//    touch a line of its own: six times slower on an A6000. (CUDA C++ Best Practices Guide, 9.2.1 "Coalesced Access")
// 3. The grid is rounded up to whole blocks, so threads outside C return at once.
// 4. A grid has at most 65,535 blocks in y: the loop over i takes the rows that are left when there are more.
//
// What stays slow: every thread reads 2·k numbers from global memory for 2·k operations. matmul_tiled.cu shares them.
#include "ptx.cuh"

extern "C" __global__ void matmul_naive(u32 m, u32 n, u32 k, const float* a, const float* b, float* c) {
    u32 j = blockIdx.x * blockDim.x + threadIdx.x;
    if (j >= n) {
        return;
    }
    for (u32 i = blockIdx.y * blockDim.y + threadIdx.y; i < m; i += gridDim.y * blockDim.y) {
        float sum = 0.0f;
        for (u32 p = 0; p < k; ++p) {
            sum += a[u64(i) * k + p] * b[u64(p) * n + j];
        }
        c[u64(i) * n + j] = sum;
    }
}
