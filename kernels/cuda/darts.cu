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
// 3. A dart's coordinates have 32 bits each, but 16 of them decide unless the cell that they name is close to the circle. So a
//    Philox block gives four darts, and the other bits are drawn for one dart in 5,000.
// 4. Each thread takes every n-th block of the sequence and counts in a register; a warp adds its 32 counts by shuffles, a
//    block its 8 in shared memory, and one atomic addition a block reaches global memory. Integers: the order does not matter.
//
// The sequence, which the CPU repeats bit for bit:
//     key    = seed: key[0] its low 32 bits, key[1] its high ones
//     b, l   = d / 4, d mod 4 of dart d
//     coarse = word l of Philox4x32-10(counter (b low, b high, 0, 0), key)
//     fine   = word l of Philox4x32-10(counter (b low, b high, 1, 0), key)
//     X      = low  half of coarse · 2¹⁶ + low  half of fine        the halves of coarse with a sign, those of fine without
//     Y      = high half of coarse · 2¹⁶ + high half of fine
//     inside ⇔ (2X + 1)² + (2Y + 1)² ≤ 2⁶⁴            the dart (|2X + 1|, |2Y + 1|)·2⁻³²: the midpoint of a cell of a 2³¹ × 2³¹ grid
//            ⇔ X·(X + 1) + Y·(Y + 1) + ½ ≤ 2⁶²         since (2X + 1)² = 4·X·(X + 1) + 1
//            ⇔ X·(X + 1) + Y·(Y + 1) < 2⁶²             both are integers
//
// The coarse halves x, y name the cell from (x, y) to (x + 1, y + 1) in units of 2⁻¹⁵, and the circle has radius 2¹⁵. Every point of
// the cell is within √2 of (x, y), and 2·√2·2¹⁵ < 2¹⁷: all of it is inside if x² + y² < 2³⁰ − 2¹⁷, outside if x² + y² ≥ 2³⁰ + 2¹⁷.
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

constexpr u32 INSIDE_BELOW = (1u << 30) - (1u << 17), OUTSIDE_FROM = (1u << 30) + (1u << 17);

// Word `lane` of the fine bits of a block.
__device__ inline u32 fine_word(u64 block, u32 lane, u64 seed) {
    u32 words[4] = {u32(block), u32(block >> 32), 1, 0};
    philox4x32_10(words, u32(seed), u32(seed >> 32));
    return lane == 0 ? words[0] : lane == 1 ? words[1] : lane == 2 ? words[2] : words[3];
}

__device__ inline bool is_inside(u32 coarse, u64 block, u32 lane, u64 seed) {
    int x = int(coarse << 16) >> 16, y = int(coarse) >> 16;
    u32 squares = u32(x * x) + u32(y * y);  // at most 2³¹
    if (squares < INSIDE_BELOW || squares >= OUTSIDE_FROM) {
        return squares < INSIDE_BELOW;
    }
    u32 fine = fine_word(block, lane, seed);
    long long far_x = int(coarse << 16 | (fine & 0xffff)), far_y = int((coarse & 0xffff0000) | fine >> 16);
    return far_x * (far_x + 1) + far_y * (far_y + 1) < 1LL << 62;
}

// Darts first … first + samples − 1 of the sequence. `inside` is added to: it starts at 0.
extern "C" __global__ void __launch_bounds__(THREADS) darts(u64 first, u64 samples, u64 seed, u64* inside) {
    u64 blocks_end = samples == 0 ? 0 : (first + samples - 1) / 4 + 1;
    u64 count = 0;
    for (u64 block = first / 4 + u64(blockIdx.x) * THREADS + threadIdx.x; block < blocks_end;
         block += u64(gridDim.x) * THREADS) {
        u32 words[4] = {u32(block), u32(block >> 32), 0, 0};
        philox4x32_10(words, u32(seed), u32(seed >> 32));
#pragma unroll
        for (u32 lane = 0; lane < 4; ++lane) {
            // At either end of the range some darts of the four may be outside of it.
            count += 4 * block + lane - first < samples && is_inside(words[lane], block, lane, seed);
        }
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
