#include "fabric/device.h"

#include <string.h>

#include "base/memory.h"

void device_copy(const struct fabric_device *device, struct fabric_device *ret_copy)
{
    *ret_copy = *device;
    ret_copy->name = memory_text(device->name);
    ret_copy->type = memory_text(device->type);
    ret_copy->address = memory_text(device->address);
    ret_copy->n_has = 0;
    ret_copy->has = NULL;
    for (size_t i = 0; i < device->n_has; i++) {
        device_give(ret_copy, device->has[i]);
    }
}

void device_give(struct fabric_device *device, const char *what)
{
    for (size_t i = 0; i < device->n_has; i++) {
        if (strcmp(device->has[i], what) == 0) {
            return;
        }
    }
    device->has = memory_grow(device->has, device->n_has, sizeof(*device->has));
    device->has[device->n_has++] = memory_text(what);
}

void device_finish(struct fabric_device *device)
{
    for (size_t i = 0; i < device->n_has; i++) {
        memory_free(&device->has[i]);
    }
    memory_free(&device->has);
    memory_free(&device->name);
    memory_free(&device->type);
    memory_free(&device->address);
}
