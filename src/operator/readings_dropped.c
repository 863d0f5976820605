#include "operator/readings_dropped.h"

static bool is_power_of_ten(uint64_t n)
{
    while (n >= 10 && n % 10 == 0) {
        n /= 10;
    }
    return n == 1;
}

void readings_drop(struct brume_call *call, struct readings_dropped *dropped,
                   enum readings_reason reason)
{
    static const char *const why[READINGS_REASONS] = {
        [READINGS_LATE] = "too late for what was given out already",
        [READINGS_NUMBERS] = "time or value is no usable number",
        [READINGS_KEYS] = "more types and devices than can be told apart",
        [READINGS_FULL] = "more readings than can be remembered",
    };
    uint64_t n = ++dropped->counts[reason];

    brume_left_out(call, 1);
    if (is_power_of_ten(n)) {
        brume_say(call, "%s: %llu reading%s left out so far: %s", brume_name(call),
                  (unsigned long long)n, n == 1 ? "" : "s", why[reason]);
    }
}

void readings_dropped_save(const struct readings_dropped *dropped, struct keep *keep)
{
    for (int i = 0; i < READINGS_REASONS; i++) {
        keep_u64(keep, dropped->counts[i]);
    }
}

void readings_dropped_restore(struct readings_dropped *dropped, struct kept *kept)
{
    for (int i = 0; i < READINGS_REASONS; i++) {
        dropped->counts[i] = kept_u64(kept, UINT64_MAX);
    }
}
