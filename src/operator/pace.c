#include "operator/pace.h"

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
    double due_ms = (double)(sequence - pace->first) * 1000 / pace->per_second;
    double since_ms = (double)(now_ns - pace->begun_ns) / 1e6;
    double wait_ms = due_ms - since_ms;
    if (wait_ms < 1e-6) {
        return 0;
    }
    return wait_ms > 3600e3 ? 3600000 : (uint64_t)wait_ms + 1;
}
