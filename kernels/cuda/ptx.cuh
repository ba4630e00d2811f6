// The instructions that CUDA C++ has no operator for, one function each. All inline assembly of this folder is here.
// Sections are those of NVIDIA's manual "PTX ISA", version 8.0: https://docs.nvidia.com/cuda/parallel-thread-execution
//
// Also here: short names for fixed-size integers, since NVRTC comes without <stdint.h>.
#pragma once

typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

constexpr u32 FULL_WARP = 0xffffffffu;  // all 32 lanes take part

// −∞, without a header: the identity of max.
__device__ inline float minus_infinity() {
    return __int_as_float(0xff800000);
}

// ---- memory: shared addresses, asynchronous copies -------------------------------------------------------------------

// The 32-bit address of a shared variable, as the instructions below want it. (5.2 "Using Addresses", 9.7.8.18 cvta)
__device__ inline u32 shared_address(const void* pointer) {
    return static_cast<u32>(__cvta_generic_to_shared(pointer));
}

// Starts a copy of `bytes` (0 … 4) bytes from global to shared memory and fills the rest of the 4 with zeros; the thread
// does not wait for it. With 0 bytes nothing is read. (9.7.8.22.1 cp.async, operand src-size)
__device__ inline void cp_async_4(void* to_shared, const void* from_global, u32 bytes) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;\n" ::"r"(shared_address(to_shared)), "l"(from_global),
                 "r"(bytes)
                 : "memory");
}

// The same for 16 bytes, both addresses multiples of 16; `.cg` keeps them out of L1. (9.7.8.22.1 cp.async)
__device__ inline void cp_async_16(void* to_shared, const void* from_global, u32 bytes) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(shared_address(to_shared)), "l"(from_global),
                 "r"(bytes)
                 : "memory");
}

// Closes this thread's group of copies started so far. (9.7.8.22.2 cp.async.commit_group)
__device__ inline void cp_async_commit() {
    asm volatile("cp.async.commit_group;\n" ::: "memory");
}

// Waits until at most PENDING of this thread's groups are under way. Other threads' copies need a barrier on top.
// (9.7.8.22.3 cp.async.wait_group)
template <int PENDING>
__device__ inline void cp_async_wait() {
    asm volatile("cp.async.wait_group %0;\n" ::"n"(PENDING) : "memory");
}

// ---- arithmetic ------------------------------------------------------------------------------------------------------

// 2^x in one instruction, within 2 units in the last place; 2^−∞ = 0. (9.7.3.21 ex2)
__device__ inline float exp2_approx(float x) {
    float y;
    asm("ex2.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

// Two floats rounded to nearest even, packed into one register: `low` in bits 0 … 15. (9.7.8.21 cvt, .rn.bf16x2.f32)
__device__ inline u32 pack_bf16(float low, float high) {
    u32 packed;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
    return packed;
}

// ---- tensor cores ----------------------------------------------------------------------------------------------------

// Four 8×8 matrices of 16-bit numbers from shared memory. Lane 8i + r gives the address of row r of matrix i (16 bytes,
// aligned); lane l receives elements 2·(l mod 4) and the next of row l / 4 of each. (9.7.13.4.15 ldmatrix)
__device__ inline void ldmatrix_x4(u32 (&fragment)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
                 : "=r"(fragment[0]), "=r"(fragment[1]), "=r"(fragment[2]), "=r"(fragment[3])
                 : "r"(shared_address(row))
                 : "memory");
}

// The same, each matrix transposed on the way. (9.7.13.4.15 ldmatrix, .trans)
__device__ inline void ldmatrix_x4_trans(u32 (&fragment)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
                 : "=r"(fragment[0]), "=r"(fragment[1]), "=r"(fragment[2]), "=r"(fragment[3])
                 : "r"(shared_address(row))
                 : "memory");
}

// D (16×8, f32) += A (16×16) · B (16×8), one warp together. (9.7.13.4.8 "Matrix Fragments for mma.m16n8k16")
// With group = lane / 4 and pair = 2·(lane mod 4), a lane holds
//   a[0]: A[group][pair, pair+1]        a[1]: A[group+8][pair, pair+1]
//   a[2]: A[group][pair+8, pair+9]      a[3]: A[group+8][pair+8, pair+9]
//   b0:   B[pair, pair+1][group]        b1:   B[pair+8, pair+9][group]
//   d[0], d[1]: D[group][pair, pair+1]  d[2], d[3]: D[group+8][pair, pair+1]
__device__ inline void mma_m16n8k16_bf16(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};\n"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// The same for IEEE half precision. (9.7.13.4.14 mma)
__device__ inline void mma_m16n8k16_f16(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};\n"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
