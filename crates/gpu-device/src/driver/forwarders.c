/* The CUDA driver API, found when it is first called.
 *
 * `cust` is linked against these functions instead of against libcuda. Each looks up the driver's function of the same
 * name, once, in the libcuda.so.1 that the dynamic loader finds, and calls it. So a program
 *
 *   1. needs no CUDA to be built,
 *   2. starts on a machine without a driver, and gets an error where the loader would have killed it,
 *   3. uses the machine's own driver where there is one, or the one that LD_LIBRARY_PATH puts before it.
 *
 * And it closes a hole: cust's bindings are those of CUDA 11.4 and read the result as a Rust enumeration, for which a code that
 * a newer driver has added would be undefined behaviour. Codes that CUDA 11.4 does not have become CUDA_ERROR_UNKNOWN;
 * gpu_device_last_code() has the original.
 *
 * The driver's functions take integers and pointers only, no structures and no floating-point numbers. In the calling
 * conventions of Linux on x86-64 and AArch64 each of them takes one register, or one 8-byte slot on the stack, so all can be
 * passed on as words of 64 bits.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

_Static_assert(sizeof(uintptr_t) == 8, "the forwarders pass arguments as words of 64 bits");

typedef uintptr_t word;

enum { SUCCESS = 0, NO_DRIVER = 34 /* CUDA_ERROR_STUB_LIBRARY */, NO_SUCH_FUNCTION = 500, UNKNOWN = 999 };

/* Hidden: no library that is loaded later, the driver above all, may bind to these instead of to its own. */
#define HIDDEN __attribute__((visibility("hidden")))

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void *driver;
static char failure[256];
static _Thread_local unsigned last_code;

static void open_driver(void) {
    driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (driver == NULL) {
        const char *reason = dlerror();
        snprintf(failure, sizeof failure, "%s", reason != NULL ? reason : "libcuda.so.1 cannot be loaded");
    }
}

/* NULL when the driver could be loaded, otherwise the loader's reason. */
HIDDEN const char *gpu_device_driver_failure(void) {
    pthread_once(&once, open_driver);
    return driver == NULL ? failure : NULL;
}

/* What the driver returned last on this thread, before translation. */
HIDDEN unsigned gpu_device_last_code(void) { return last_code; }

static void *look_up(void **cache, const char *name) {
    void *function = __atomic_load_n(cache, __ATOMIC_ACQUIRE);
    if (function == NULL) {
        pthread_once(&once, open_driver);
        /* Threads that race here find the same address. */
        function = driver != NULL ? dlsym(driver, name) : NULL;
        __atomic_store_n(cache, function, __ATOMIC_RELEASE);
    }
    return function;
}

/* The codes of CUDA 11.4, in ranges. */
static const struct { unsigned first, last; } KNOWN[] = {
    {0, 8},     {34, 34},   {100, 102}, {200, 202}, {205, 224}, {300, 304}, {400, 401}, {500, 500},
    {600, 600}, {700, 705}, {708, 720}, {800, 809}, {900, 911}, {999, 999},
};

static unsigned translate(unsigned code) {
    last_code = code;
    for (size_t range = 0; range < sizeof KNOWN / sizeof KNOWN[0]; range++)
        if (code >= KNOWN[range].first && code <= KNOWN[range].last) return code;
    return UNKNOWN;
}

#define FORWARD(name, parameters, types, arguments)                                                                    \
    HIDDEN unsigned name parameters {                                                                                  \
        static void *cache;                                                                                            \
        unsigned(*function) types = (unsigned(*) types)look_up(&cache, #name);                                         \
        if (function == NULL) return translate(driver == NULL ? NO_DRIVER : NO_SUCH_FUNCTION);                         \
        return translate(function arguments);                                                                          \
    }

#define FORWARD_0(name) FORWARD(name, (void), (void), ())
#define FORWARD_1(name) FORWARD(name, (word a), (word), (a))
#define FORWARD_2(name) FORWARD(name, (word a, word b), (word, word), (a, b))
#define FORWARD_3(name) FORWARD(name, (word a, word b, word c), (word, word, word), (a, b, c))
#define FORWARD_4(name) FORWARD(name, (word a, word b, word c, word d), (word, word, word, word), (a, b, c, d))
#define FORWARD_5(name)                                                                                                \
    FORWARD(name, (word a, word b, word c, word d, word e), (word, word, word, word, word), (a, b, c, d, e))
#define FORWARD_6(name)                                                                                                \
    FORWARD(name, (word a, word b, word c, word d, word e, word f), (word, word, word, word, word, word),              \
            (a, b, c, d, e, f))
#define FORWARD_8(name)                                                                                                \
    FORWARD(name, (word a, word b, word c, word d, word e, word f, word g, word h),                                    \
            (word, word, word, word, word, word, word, word), (a, b, c, d, e, f, g, h))
#define FORWARD_11(name)                                                                                               \
    FORWARD(name, (word a, word b, word c, word d, word e, word f, word g, word h, word i, word j, word k),            \
            (word, word, word, word, word, word, word, word, word, word, word), (a, b, c, d, e, f, g, h, i, j, k))

/* What cust 0.3.2 can reference, by the number of parameters; and cuFuncSetAttribute, which it binds but does not call. */
FORWARD_0(cuCtxSynchronize)
FORWARD_1(cuArrayDestroy)
FORWARD_1(cuCtxDestroy_v2)
FORWARD_1(cuCtxGetCacheConfig)
FORWARD_1(cuCtxGetCurrent)
FORWARD_1(cuCtxGetDevice)
FORWARD_1(cuCtxGetFlags)
FORWARD_1(cuCtxGetSharedMemConfig)
FORWARD_1(cuCtxPopCurrent_v2)
FORWARD_1(cuCtxPushCurrent_v2)
FORWARD_1(cuCtxSetCacheConfig)
FORWARD_1(cuCtxSetCurrent)
FORWARD_1(cuCtxSetSharedMemConfig)
FORWARD_1(cuDestroyExternalMemory)
FORWARD_1(cuDeviceGetCount)
FORWARD_1(cuDevicePrimaryCtxRelease_v2)
FORWARD_1(cuDevicePrimaryCtxReset_v2)
FORWARD_1(cuDriverGetVersion)
FORWARD_1(cuEventDestroy_v2)
FORWARD_1(cuEventQuery)
FORWARD_1(cuEventSynchronize)
FORWARD_1(cuGraphDestroy)
FORWARD_1(cuInit)
FORWARD_1(cuLinkDestroy)
FORWARD_1(cuMemFreeHost)
FORWARD_1(cuMemFree_v2)
FORWARD_1(cuMemcpy2D_v2)
FORWARD_1(cuModuleUnload)
FORWARD_1(cuStreamDestroy_v2)
FORWARD_1(cuStreamSynchronize)
FORWARD_1(cuSurfObjectDestroy)
FORWARD_1(cuTexObjectDestroy)
FORWARD_2(cuArray3DCreate_v2)
FORWARD_2(cuArray3DGetDescriptor_v2)
FORWARD_2(cuCtxGetApiVersion)
FORWARD_2(cuCtxGetLimit)
FORWARD_2(cuCtxGetStreamPriorityRange)
FORWARD_2(cuCtxSetLimit)
FORWARD_2(cuDeviceGet)
FORWARD_2(cuDevicePrimaryCtxRetain)
FORWARD_2(cuDevicePrimaryCtxSetFlags_v2)
FORWARD_2(cuDeviceTotalMem_v2)
FORWARD_2(cuEventCreate)
FORWARD_2(cuEventRecord)
FORWARD_2(cuFuncSetCacheConfig)
FORWARD_2(cuFuncSetSharedMemConfig)
FORWARD_2(cuGetErrorName)
FORWARD_2(cuGetErrorString)
FORWARD_2(cuGraphCreate)
FORWARD_2(cuGraphKernelNodeGetParams)
FORWARD_2(cuGraphNodeGetType)
FORWARD_2(cuImportExternalMemory)
FORWARD_2(cuMemAllocHost_v2)
FORWARD_2(cuMemAlloc_v2)
FORWARD_2(cuMemFreeAsync)
FORWARD_2(cuMemGetInfo_v2)
FORWARD_2(cuModuleLoad)
FORWARD_2(cuModuleLoadData)
FORWARD_2(cuStreamGetFlags)
FORWARD_2(cuStreamGetPriority)
FORWARD_2(cuSurfObjectCreate)
FORWARD_2(cuSurfObjectGetResourceDesc)
FORWARD_2(cuTexObjectGetResourceDesc)
FORWARD_2(cuTexObjectGetResourceViewDesc)
FORWARD_3(cuCtxCreate_v2)
FORWARD_3(cuDeviceGetAttribute)
FORWARD_3(cuDeviceGetName)
FORWARD_3(cuEventElapsedTime)
FORWARD_3(cuExternalMemoryGetMappedBuffer)
FORWARD_3(cuFuncGetAttribute)
FORWARD_3(cuFuncSetAttribute)
FORWARD_3(cuGraphDebugDotPrint)
FORWARD_3(cuGraphGetNodes)
FORWARD_3(cuLaunchHostFunc)
FORWARD_3(cuLinkComplete)
FORWARD_3(cuMemAllocAsync)
FORWARD_3(cuMemAllocManaged)
FORWARD_3(cuMemcpyDtoD_v2)
FORWARD_3(cuMemcpyDtoH_v2)
FORWARD_3(cuMemcpyHtoD_v2)
FORWARD_3(cuMemsetD16_v2)
FORWARD_3(cuMemsetD32_v2)
FORWARD_3(cuMemsetD8_v2)
FORWARD_3(cuModuleGetFunction)
FORWARD_3(cuStreamCreateWithPriority)
FORWARD_3(cuStreamWaitEvent)
FORWARD_4(cuGraphGetEdges)
FORWARD_4(cuLinkCreate_v2)
FORWARD_4(cuMemAdvise)
FORWARD_4(cuMemPrefetchAsync)
FORWARD_4(cuMemcpyAtoH_v2)
FORWARD_4(cuMemcpyDtoDAsync_v2)
FORWARD_4(cuMemcpyDtoHAsync_v2)
FORWARD_4(cuMemcpyHtoA_v2)
FORWARD_4(cuMemcpyHtoDAsync_v2)
FORWARD_4(cuMemsetD16Async)
FORWARD_4(cuMemsetD32Async)
FORWARD_4(cuMemsetD8Async)
FORWARD_4(cuModuleGetGlobal_v2)
FORWARD_4(cuOccupancyAvailableDynamicSMemPerBlock)
FORWARD_4(cuOccupancyMaxActiveBlocksPerMultiprocessor)
FORWARD_4(cuTexObjectCreate)
FORWARD_5(cuGraphAddKernelNode)
FORWARD_5(cuModuleLoadDataEx)
FORWARD_6(cuOccupancyMaxPotentialBlockSize)
FORWARD_8(cuLinkAddData_v2)
FORWARD_11(cuLaunchKernel)

/* The driver's name and description of a code, also of one that CUDA 11.4 does not have; NULL where it has none. */
HIDDEN void gpu_device_describe(unsigned code, const char **name, const char **description) {
    unsigned kept = last_code;
    *name = *description = NULL;
    cuGetErrorName(code, (word)name);
    cuGetErrorString(code, (word)description);
    last_code = kept;
}
