#include "operator/pace.h"

static uint64_t wait_ms(double due_ms, uint64_t since_ns)
{
    double wait = due_ms - (double)since_ns / 1e6;

    if (wait < 1e-6) {
        return 0;
    }
    return wait > 3600e3 ? 3600000 : (uint64_t)wait + 1;
}

uint64_t pace_wait_ms(struct pace *pace, uint64_t sequence, uint64_t now_ns)
{
    if (pace->per_second <= 0) {
        return 0;
    }
    if (!pace->begun) {
        pace->begun = true;
        pace->first = sequence;
        pace->begun_ns = now_ns;
    }
    if (sequence <= pace->first) {
        return 0;
    }
    return wait_ms((double)(sequence - pace->first) * 1000 / pace->per_second,
                   now_ns - pace->begun_ns);
}

uint64_t event_pace_wait_ms(struct event_pace *pace, double time, uint64_t now_ns)
{
    if (pace->speed <= 0) {
        return 0;
    }
    if (!pace->begun) {
        pace->begun = true;
        pace->first = time;
        pace->begun_ns = now_ns;
    }
    return wait_ms((time - pace->first) * 1000 / pace->speed, now_ns - pace->begun_ns);
}
