/* Where the images of stages are to be had. */
#ifndef FABRIC_IMAGES_H
#define FABRIC_IMAGES_H

#include <stdbool.h>

/* "brume/stage-NAME:VERSION", or what BRUME_IMAGES makes of it; malloc'ed. */
char *images_name(const char *name);

/* Whether they come from a registry: BRUME_IMAGES is set. */
bool images_have_registry(void);

#endif
