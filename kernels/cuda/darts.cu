// How many of `samples` random darts fall into the quarter circle: π is about 4 · inside / samples.
//
// The plain loop:
//
//     for dart in 0..samples
//         x = random, y = random           // in (0, 1)
//         inside += x² + y² <= 1
//
// What changes here, and why:
// 1. No thread may wait for the last one's random numbers, so there is no generator state. Philox4x32-10 encrypts a counter: any
//    thread computes any numbers of the sequence. (Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3")
// 2. The test is exact, in integers, so that every machine counts the same darts (below).
// 3. Each thread takes every n-th block of the sequence and counts in a register; a warp adds its 32 counts by shuffles, a
//    block its 8 in shared memory, and one atomic addition a block reaches global memory. Integers: the order does not matter.
//
// The sequence, which the CPU repeats bit for bit:
//     key     = seed: key[0] its low 32 bits, key[1] its high ones
//     counter = b, the index of a block of two darts: c[0] its low 32 bits, c[1] its high ones, c[2] = c[3] = 0
//     output  = Philox4x32-10(counter, key) = w[0..4]: dart 2b is (x, y) = (w[0], w[1]), dart 2b + 1 is (w[2], w[3])
//     inside  ⇔ ((x + ½)·2⁻³²)² + ((y + ½)·2⁻³²)² ≤ 1      the midpoint of a cell of the 2³² × 2³² grid
//             ⇔ (2x + 1)² + (2y + 1)² ≤ 2⁶⁶
//             ⇔ x·(x + 1) + y·(y + 1) + ½ ≤ 2⁶⁴             since (2x + 1)² = 4·x·(x + 1) + 1
//             ⇔ x·(x + 1) + y·(y + 1) < 2⁶⁴                 both are integers: the sum of two u64 does not wrap around
#include "ptx.cuh"

constexpr u32 THREADS = 256;
constexpr u32 WARPS = THREADS / 32;
constexpr u32 ROUNDS = 10;
constexpr u32 MULTIPLIER_0 = 0xD2511F53, MULTIPLIER_1 = 0xCD9E8D57;
constexpr u32 WEYL_0 = 0x9E3779B9, WEYL_1 = 0xBB67AE85;  // golden ratio, √3 − 1

// Encrypts the counter in place.
__device__ inline void philox4x32_10(u32 (&c)[4], u32 key_0, u32 key_1) {
#pragma unroll
    for (u32 round = 0; round < ROUNDS; ++round) {
        u64 product_0 = u64(MULTIPLIER_0) * c[0], product_1 = u64(MULTIPLIER_1) * c[2];
        c[0] = u32(product_1 >> 32) ^ c[1] ^ key_0;
        c[2] = u32(product_0 >> 32) ^ c[3] ^ key_1;
        c[1] = u32(product_1);
        c[3] = u32(product_0);
        key_0 += WEYL_0;
        key_1 += WEYL_1;
    }
}

__device__ inline bool is_inside(u32 x, u32 y) {
    u64 x_part = u64(x) * (u64(x) + 1), y_part = u64(y) * (u64(y) + 1);
    return x_part + y_part >= x_part;  // no carry
}

// Darts first … first + samples − 1 of the sequence. `inside` is added to: it starts at 0.
extern "C" __global__ void __launch_bounds__(THREADS) darts(u64 first, u64 samples, u64 seed, u64* inside) {
    u64 blocks_end = samples == 0 ? 0 : (first + samples - 1) / 2 + 1;
    u64 count = 0;
    for (u64 block = first / 2 + u64(blockIdx.x) * THREADS + threadIdx.x; block < blocks_end;
         block += u64(gridDim.x) * THREADS) {
        u32 words[4] = {u32(block), u32(block >> 32), 0, 0};
        philox4x32_10(words, u32(seed), u32(seed >> 32));
        // At either end of the range one dart of the two may be outside of it.
        bool takes_0 = 2 * block - first < samples, takes_1 = 2 * block + 1 - first < samples;
        count += takes_0 && is_inside(words[0], words[1]);
        count += takes_1 && is_inside(words[2], words[3]);
    }

    __shared__ u64 of_warp[WARPS];
#pragma unroll
    for (u32 distance = 16; distance > 0; distance /= 2) {
        count += __shfl_xor_sync(FULL_WARP, count, distance);
    }
    if (threadIdx.x % 32 == 0) {
        of_warp[threadIdx.x / 32] = count;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        u64 of_block = 0;
        for (u32 warp = 0; warp < WARPS; ++warp) {
            of_block += of_warp[warp];
        }
        atomicAdd(inside, of_block);
    }
}
