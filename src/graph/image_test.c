#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/memory.h"
#include "base/test.h"
#include "graph/image.h"

static void a_stage_without_libraries_gets_the_base(void **state)
{
    (void)state;
    assert_string_equal(image_choose(0)->name, "base");
}

static void a_stage_gets_no_more_than_it_needs(void **state)
{
    (void)state;
    assert_string_equal(image_choose(IMAGE_TFLITE)->name, "tflite");
    assert_string_equal(image_choose(IMAGE_PICTURE)->name, "picture");
    assert_string_equal(image_choose(IMAGE_PICTURE | IMAGE_TFLITE)->name, "picture-tflite");
    assert_string_equal(image_choose(IMAGE_ONNXRUNTIME)->name, "onnxruntime");
    assert_string_equal(image_choose(IMAGE_MQTT)->name, "mqtt");
}

static void unusual_needs_get_the_image_with_all(void **state)
{
    (void)state;
    assert_string_equal(image_choose(IMAGE_WEB)->name, "all");
    assert_string_equal(image_choose(IMAGE_MQTT | IMAGE_TFLITE)->name, "all");
    for (unsigned i = 0; i < 32; i++) {
        assert_int_equal(image_choose(i)->libraries & i, i);
    }
}

static unsigned library_of(const char *name)
{
    for (unsigned bit = 1; bit < IMAGE_ALL; bit <<= 1) {
        if (strcmp(image_library_name((enum image_library)bit), name) == 0) {
            return bit;
        }
    }
    fail_msg("there is no set of libraries '%s'", name);
    return 0;
}

static void the_images_that_are_made_are_those_that_are_chosen(void **state)
{
    (void)state;
    const char *data =
        getenv("BRUME_TEST_DATA"); /* NOLINT(concurrency-mt-unsafe): one thread */
    cleanup(memory_free) char *path = memory_format("%s/../../deploy/images/images", data);
    FILE *file = fopen(path, "re");
    char line[256];
    size_t n = 0;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        char *rest, *word = strtok_r(line, " \n", &rest);
        unsigned libraries = 0;

        if (word == NULL || *word == '#') {
            continue;
        }
        const struct image *image = image_at(n++);
        assert_non_null(image);
        assert_string_equal(word, image->name);
        while ((word = strtok_r(NULL, " \n", &rest)) != NULL) {
            libraries |= library_of(word);
        }
        assert_int_equal(libraries, image->libraries);
    }
    fclose(file);
    assert_null(image_at(n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stage_without_libraries_gets_the_base),
        cmocka_unit_test(a_stage_gets_no_more_than_it_needs),
        cmocka_unit_test(unusual_needs_get_the_image_with_all),
        cmocka_unit_test(the_images_that_are_made_are_those_that_are_chosen),
    };

    return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
