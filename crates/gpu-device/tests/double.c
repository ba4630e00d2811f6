/* A double of the driver, for tests: its device memory is the host's, and its one kernel, `twice`, is written below. It counts and
 * refuses what a driver would, and keeps the last launch for the test to ask about by buffer contents. It computes nothing else.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t address;

static long allocations, pending_error;
static int dynamic_shared_max = 48 << 10;
static void *const HANDLE = (void *)16;

int cuInit(unsigned flags) { return flags != 0; }
int cuDriverGetVersion(int *version) { *version = 12040; return 0; }
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = ordinal; return 0; }
int cuDeviceGetName(char *name, int size, int device) { (void)device; strncpy(name, "a double", (size_t)size); return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { (void)device; *bytes = 1 << 20; return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    (void)device;
    switch (attribute) {
        case 1: *value = 1024; break;             /* threads a block */
        case 2: case 3: *value = 1024; break;     /* block's x, y */
        case 4: *value = 64; break;               /* block's z */
        case 5: case 6: case 7: *value = 65535; break;
        case 8: *value = 48 << 10; break;
        case 10: *value = 32; break;
        case 75: *value = 8; break;
        case 97: *value = 99 << 10; break;
        default: *value = attribute;
    }
    return 0;
}
int cuDevicePrimaryCtxRetain(void **context, int device) { (void)device; *context = HANDLE; return 0; }
int cuDevicePrimaryCtxRelease_v2(int device) { (void)device; return allocations != 0; }
int cuCtxSetCurrent(void *context) { return context == HANDLE ? 0 : 201; }
int cuCtxSynchronize(void) { return (int)pending_error; }
int cuStreamCreateWithPriority(void **stream, unsigned flags, int priority) { *stream = HANDLE; return flags != 0 || priority; }
int cuStreamSynchronize(void *stream) { (void)stream; return (int)pending_error; }
int cuStreamDestroy_v2(void *stream) { return stream != HANDLE; }
int cuMemGetInfo_v2(size_t *free, size_t *total) { *free = 1 << 19; *total = 1 << 20; return 0; }
int cuMemAlloc_v2(address *pointer, size_t bytes) {
    if (bytes > 1 << 20) return 2;
    *pointer = (address)(uintptr_t)malloc(bytes);
    memset((void *)(uintptr_t)*pointer, 0xa5, bytes);
    allocations++;
    return 0;
}
int cuMemFree_v2(address pointer) { free((void *)(uintptr_t)pointer); allocations--; return 0; }
int cuMemsetD8_v2(address to, unsigned char byte, size_t bytes) { memset((void *)(uintptr_t)to, byte, bytes); return (int)pending_error; }
int cuMemcpyHtoD_v2(address to, const void *from, size_t bytes) { memcpy((void *)(uintptr_t)to, from, bytes); return (int)pending_error; }
int cuMemcpyDtoH_v2(void *to, address from, size_t bytes) { memcpy(to, (void *)(uintptr_t)from, bytes); return (int)pending_error; }
int cuMemcpyDtoD_v2(address to, address from, size_t bytes) { memcpy((void *)(uintptr_t)to, (void *)(uintptr_t)from, bytes); return 0; }
int cuModuleLoadDataEx(void **module, const void *image, unsigned count, const int *options, void **values) {
    *module = HANDLE;
    if (strstr(image, ".target") != NULL) return 0;
    for (unsigned option = 0; option < count; option++)
        if (options[option] == 5) strncpy(values[option], "ptxas fatal: no .target", (size_t)(uintptr_t)values[option + 1]);
    return 218;
}
int cuModuleUnload(void *module) { return module != HANDLE; }
int cuModuleGetFunction(void **function, void *module, const char *name) { *function = HANDLE; return module != HANDLE || !*name; }
int cuFuncGetAttribute(int *value, int attribute, void *function) {
    (void)function;
    *value = attribute == 0 ? 512 : attribute == 1 ? 1024 : 0;
    return 0;
}
int cuFuncSetAttribute(void *function, int attribute, int value) {
    if (function != HANDLE || attribute != 8) return 1;
    dynamic_shared_max = value;
    return 0;
}
int cuEventCreate(void **event, unsigned flags) { *event = HANDLE; return (int)flags; }
int cuEventRecord(void *event, void *stream) { return event != HANDLE || stream != HANDLE; }
int cuEventSynchronize(void *event) { (void)event; return (int)pending_error; }
int cuEventElapsedTime(float *milliseconds, void *start, void *stop) { *milliseconds = 1.5f; return start != stop; }
int cuEventDestroy_v2(void *event) { return event != HANDLE; }

/* twice(x, n, factor, seed): x[i] = factor * x[i] + seed; a factor of 0 is a kernel that fails. */
int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
                   void *stream, void **arguments, void **extra) {
    if (function != HANDLE || stream != HANDLE || extra != NULL || (int)shared > dynamic_shared_max) return 1;
    float *x = *(float **)arguments[0], factor = *(float *)arguments[2];
    uint64_t n = *(uint32_t *)arguments[1], seed = *(uint64_t *)arguments[3], threads = (uint64_t)gx * gy * gz * bx * by * bz;
    if (factor == 0) pending_error = 700;
    for (uint64_t i = 0; i < n && i < threads; i++) x[i] = factor * x[i] + (float)seed;
    return 0;
}
int cuGetErrorName(int code, const char **name) { *name = code == 700 ? "CUDA_ERROR_ILLEGAL_ADDRESS" : 0; return *name == 0; }
int cuGetErrorString(int code, const char **text) { *text = code == 700 ? "an illegal memory access" : 0; return *text == 0; }
