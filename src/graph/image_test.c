#include "graph/image_rig.h"

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

static void the_images_that_are_made_are_those_that_are_chosen(void **state)
{
    (void)state;
    FILE *file = image_rig_open("images");
    char line[256], *rest, *word;
    size_t n = 0;

    while ((word = image_rig_next(file, line, sizeof(line), &rest)) != NULL) {
        unsigned libraries = 0;
        const struct image *image = image_at(n++);
        assert_non_null(image);
        assert_string_equal(word, image->name);
        while ((word = strtok_r(NULL, " \n", &rest)) != NULL) {
            libraries |= image_rig_library(word);
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
