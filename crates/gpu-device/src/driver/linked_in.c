/* What stands in the place of forwarders.c when another crate of the program defines the driver's functions: then there is
 * nothing to load and nothing to translate. If two define them, or none does, the program does not link: better than one that
 * calls whichever came first.
 */
#include <stddef.h>

#define HIDDEN __attribute__((visibility("hidden")))

/* Weak: NULL unless somebody defines them. */
unsigned cuGetErrorName(unsigned code, const char **name) __attribute__((weak));
unsigned cuGetErrorString(unsigned code, const char **description) __attribute__((weak));

HIDDEN const char *gpu_device_driver_failure(void) { return NULL; }

/* 0: there is no more to say than cust says. */
HIDDEN unsigned gpu_device_last_code(void) { return 0; }

HIDDEN void gpu_device_describe(unsigned code, const char **name, const char **description) {
    *name = *description = NULL;
    if (cuGetErrorName != NULL) cuGetErrorName(code, name);
    if (cuGetErrorString != NULL) cuGetErrorString(code, description);
}
