#include <string.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stage_without_libraries_gets_the_base),
        cmocka_unit_test(a_stage_gets_no_more_than_it_needs),
        cmocka_unit_test(unusual_needs_get_the_image_with_all),
    };

    return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
