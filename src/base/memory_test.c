/* What this process has in memory. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/test.h"

enum { MUCH = 64 << 20 };

static void the_peak_is_what_was_there_for_a_moment(void **state)
{
    (void)state;
    memory_peak_reset();
    uint64_t before = memory_peak();
    void *much = mmap(NULL, MUCH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(much, MAP_FAILED);
    memset(much, 1, MUCH);
    munmap(much, MUCH);
    assert_true(before > 0);
    assert_true(memory_peak() >= before + MUCH / 2);
    assert_true(memory_resident() < before + MUCH / 2);
    if (access("/proc/self/clear_refs", W_OK) == 0) {
        memory_peak_reset();
        assert_true(memory_peak() < before + MUCH / 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_peak_is_what_was_there_for_a_moment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
