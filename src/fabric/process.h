/* Processes by id and start time: an id alone may by now be somebody else's. */
#ifndef FABRIC_PROCESS_H
#define FABRIC_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct error;

/* In clock ticks since the machine began; 0: there is no such process. */
uint64_t process_start_time(pid_t pid);

/* A process that ended and was not waited for does not live, nor does one without a start. */
bool process_lives(pid_t pid, uint64_t started);

/* Kills the process and its process group, and waits until it is gone, five seconds at most. */
int process_kill(pid_t pid, uint64_t started, struct error *err);

/* CPU time in nanoseconds (user and system) and resident memory in bytes; zeros when gone. */
void process_usage(pid_t pid, uint64_t *ret_cpu_ns, uint64_t *ret_memory);

/* Every signal as a new program expects it; safe between fork and exec. */
void process_reset_signals(void);

/* Sleeps a moment in a loop that waits for the kernel; false once five seconds are over. */
bool process_pause(unsigned *attempt);

#endif
