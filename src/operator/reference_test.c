#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/test.h"
#include "operator/reference.h"

static void the_reference_has_every_operator_but_a_users_own(void **state)
{
    cleanup(memory_free) char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    struct error err = {0};
    (void)state;

    assert_int_equal(operator_reference(file, &err), 0);
    fclose(file);
    assert_non_null(strstr(text, "\n## decode\n"));
    assert_non_null(strstr(text, "\n## yolo\n"));
    assert_non_null(strstr(text, "| `align` | centre\\|top-left | `centre` |"));
    assert_non_null(strstr(text, "| `fill` | integer, 0 to 255 | `127` |"));
    assert_null(strstr(text, "## blur"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_has_every_operator_but_a_users_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
