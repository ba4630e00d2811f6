/* Opens the driver by hand, as programs do that must start without one: dlopen, then cuGetProcAddress for the rest. */

#include <dlfcn.h>
#include <stdio.h>

typedef int (*init_t)(unsigned);
typedef int (*proc_t)(const char *, void **, int, unsigned long long, unsigned *);
typedef int (*retain_t)(void **, int);
typedef int (*current_t)(void *);
typedef int (*alloc_t)(unsigned long long *, size_t);
typedef int (*to_device_t)(unsigned long long, const void *, size_t);
typedef int (*to_host_t)(void *, unsigned long long, size_t);

static proc_t resolve;

static void *find(const char *name)
{
    void *address = NULL;
    unsigned status = 9;
    int code = resolve(name, &address, 12000, 0, &status);
    if (code != 0 || status != 0 || address == NULL)
        printf("%s: code %d, status %u\n", name, code, status);
    return address;
}

int main(void)
{
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL), *context;
    unsigned long long memory;
    char back[6] = "";
    if (library == NULL) {
        puts(dlerror());
        return 1;
    }
    resolve = (proc_t)dlsym(library, "cuGetProcAddress_v2");
    if (resolve == NULL || resolve("cuNothingOfTheKind", &context, 12000, 0, NULL) != 500)
        return 2;
    init_t init = (init_t)find("cuInit");
    retain_t retain = (retain_t)find("cuDevicePrimaryCtxRetain");
    current_t set_current = (current_t)find("cuCtxSetCurrent");
    alloc_t alloc = (alloc_t)find("cuMemAlloc");
    to_device_t to_device = (to_device_t)find("cuMemcpyHtoD");
    to_host_t to_host = (to_host_t)find("cuMemcpyDtoH");
    if (!init || !retain || !set_current || !alloc || !to_device || !to_host)
        return 3;
    if (init(0) || retain(&context, 0) || set_current(context) || alloc(&memory, 6))
        return 4;
    if (to_device(memory, "hello", 6) || to_host(back, memory, 6))
        return 5;
    puts(back);
    return 0;
}
