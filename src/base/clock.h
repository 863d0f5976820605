/* Time. The pure layers never call this: they are given `now`. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_ns(void);         /* monotonic */
uint64_t clock_ms(void);         /* monotonic */
uint64_t clock_wall_ns(void);    /* since 1970 */
uint64_t clock_wall_ms(void);    /* since 1970 */
uint64_t clock_thread_ns(void);  /* CPU time of the calling thread */
uint64_t clock_process_ns(void); /* CPU time of all threads of this process */

#endif
