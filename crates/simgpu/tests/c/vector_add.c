/* Adds two vectors through the CUDA driver API. It declares what it uses, links against libcuda.so.1, and knows nothing of
 * the library that answers under that name.
 *
 *   vector_add [KERNEL [BYTES]]
 *
 * KERNEL is `add` (default) or `race`, which reads what another thread writes without a barrier. BYTES is the size of the
 * result's buffer. Exit status: 0 when the sum is right, else 1, after a line that says which call failed and how. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int CUresult;
typedef int CUdevice;
typedef unsigned long long CUdeviceptr;
typedef struct CUctx_st *CUcontext;
typedef struct CUmod_st *CUmodule;
typedef struct CUfunc_st *CUfunction;
typedef struct CUstream_st *CUstream;

CUresult cuInit(unsigned);
CUresult cuGetErrorName(CUresult, const char **);
CUresult cuGetErrorString(CUresult, const char **);
CUresult cuDeviceGet(CUdevice *, int);
CUresult cuDeviceGetCount(int *);
CUresult cuDeviceGetName(char *, int, CUdevice);
CUresult cuCtxCreate_v2(CUcontext *, unsigned, CUdevice);
CUresult cuCtxDestroy_v2(CUcontext);
CUresult cuCtxSynchronize(void);
CUresult cuModuleLoadData(CUmodule *, const void *);
CUresult cuModuleGetFunction(CUfunction *, CUmodule, const char *);
CUresult cuModuleUnload(CUmodule);
CUresult cuMemAlloc_v2(CUdeviceptr *, size_t);
CUresult cuMemFree_v2(CUdeviceptr);
CUresult cuMemcpyHtoD_v2(CUdeviceptr, const void *, size_t);
CUresult cuMemcpyDtoH_v2(void *, CUdeviceptr, size_t);
CUresult cuLaunchKernel(CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream,
                        void **, void **);

static const char *ptx =
    ".version 8.0\n.target sm_80\n.address_size 64\n"
    ".visible .entry add(.param .u64 a, .param .u64 b, .param .u64 c, .param .u32 n)\n{\n"
    "  .reg .pred %p<2>; .reg .b32 %r<6>; .reg .f32 %f<4>; .reg .b64 %rd<8>;\n"
    "  ld.param.u64 %rd1, [a]; ld.param.u64 %rd2, [b]; ld.param.u64 %rd3, [c]; ld.param.u32 %r1, [n];\n"
    "  mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ntid.x; mov.u32 %r4, %tid.x;\n"
    "  mad.lo.s32 %r5, %r2, %r3, %r4;\n"
    "  setp.ge.u32 %p1, %r5, %r1;\n"
    "  @%p1 bra DONE;\n"
    "  mul.wide.u32 %rd4, %r5, 4;\n"
    "  add.s64 %rd5, %rd1, %rd4; add.s64 %rd6, %rd2, %rd4; add.s64 %rd7, %rd3, %rd4;\n"
    "  ld.global.f32 %f1, [%rd5];\n"
    "  ld.global.f32 %f2, [%rd6];\n"
    "  add.f32 %f3, %f1, %f2;\n"
    "  st.global.f32 [%rd7], %f3;\n"
    "DONE:\n  ret;\n}\n"
    /* The same sum, but b goes through shared memory: written by thread t, read by thread 255 - t, no barrier between. */
    ".visible .entry race(.param .u64 a, .param .u64 b, .param .u64 c, .param .u32 n)\n{\n"
    "  .reg .b32 %r<9>; .reg .f32 %f<4>; .reg .b64 %rd<9>;\n"
    "  .shared .align 4 .b8 tile[1024];\n"
    "  ld.param.u64 %rd1, [a]; ld.param.u64 %rd2, [b]; ld.param.u64 %rd3, [c];\n"
    "  mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ntid.x; mov.u32 %r4, %tid.x;\n"
    "  mad.lo.s32 %r5, %r2, %r3, %r4;\n"
    "  mul.wide.u32 %rd4, %r5, 4;\n"
    "  add.s64 %rd6, %rd2, %rd4;\n"
    "  ld.global.f32 %f2, [%rd6];\n"
    "  mov.u32 %r6, tile; shl.b32 %r7, %r4, 2; add.u32 %r7, %r7, %r6;\n"
    "  st.shared.f32 [%r7], %f2;\n"
    "  sub.u32 %r8, 255, %r4;\n"
    "  shl.b32 %r7, %r8, 2; add.u32 %r7, %r7, %r6;\n"
    "  ld.shared.f32 %f2, [%r7];\n"
    "  mad.lo.s32 %r5, %r2, %r3, %r8;\n"
    "  mul.wide.u32 %rd4, %r5, 4;\n"
    "  add.s64 %rd5, %rd1, %rd4; add.s64 %rd7, %rd3, %rd4;\n"
    "  ld.global.f32 %f1, [%rd5];\n"
    "  add.f32 %f3, %f1, %f2;\n"
    "  st.global.f32 [%rd7], %f3;\n"
    "  ret;\n}\n";

static void check(const char *call, CUresult code)
{
    const char *name = "?", *text = "?";
    if (code == 0)
        return;
    cuGetErrorName(code, &name);
    cuGetErrorString(code, &text);
    printf("%s: %s (%d): %s\n", call, name, code, text);
    exit(1);
}

#define CHECK(call) check(#call, call)

int main(int argc, char **argv)
{
    enum { COUNT = 1024, THREADS = 256 };
    static float a[COUNT], b[COUNT], c[COUNT];
    const char *kernel = argc > 1 ? argv[1] : "add";
    size_t bytes = argc > 2 ? strtoul(argv[2], NULL, 10) : sizeof c;
    unsigned n = COUNT;
    int count = -1;
    CUdevice device;
    CUcontext context;
    CUmodule module;
    CUfunction function;
    CUdeviceptr da, db, dc;
    char name[128];

    if (cuDeviceGetCount(&count) != 3) {
        puts("cuDeviceGetCount works before cuInit");
        return 1;
    }
    CHECK(cuInit(0));
    CHECK(cuDeviceGet(&device, 0));
    CHECK(cuDeviceGetName(name, sizeof name, device));
    printf("device: %s\n", name);
    CHECK(cuCtxCreate_v2(&context, 0, device));
    CHECK(cuModuleLoadData(&module, ptx));
    CHECK(cuModuleGetFunction(&function, module, kernel));
    for (int i = 0; i < COUNT; i++) {
        a[i] = (float)i;
        b[i] = 0.25f * (float)i;
    }
    CHECK(cuMemAlloc_v2(&da, sizeof a));
    CHECK(cuMemAlloc_v2(&db, sizeof b));
    CHECK(cuMemAlloc_v2(&dc, bytes));
    CHECK(cuMemcpyHtoD_v2(da, a, sizeof a));
    CHECK(cuMemcpyHtoD_v2(db, b, sizeof b));
    void *parameters[] = {&da, &db, &dc, &n};
    CHECK(cuLaunchKernel(function, COUNT / THREADS, 1, 1, THREADS, 1, 1, 0, NULL, parameters, NULL));
    CHECK(cuCtxSynchronize());
    CHECK(cuMemcpyDtoH_v2(c, dc, sizeof c));
    for (int i = 0; i < COUNT; i++) {
        if (strcmp(kernel, "add") == 0 && c[i] != 1.25f * (float)i) {
            printf("c[%d] is %g\n", i, c[i]);
            return 1;
        }
    }
    CHECK(cuMemFree_v2(da));
    CHECK(cuMemFree_v2(db));
    CHECK(cuMemFree_v2(dc));
    CHECK(cuModuleUnload(module));
    CHECK(cuCtxDestroy_v2(context));
    puts("ok");
    return 0;
}
