/* Copies of a device's description. */
#ifndef FABRIC_DEVICE_H
#define FABRIC_DEVICE_H

#include "fabric/fabric.h"

void device_copy(const struct fabric_device *device, struct fabric_device *ret_copy);
void device_give(struct fabric_device *device, const char *what); /* unless it has it */
void device_finish(struct fabric_device *device);

#endif
