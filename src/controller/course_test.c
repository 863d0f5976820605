#include "base/test.h"
#include "controller/course.h"

static struct course course;
static uint64_t now, when;

static int start(void **state)
{
    (void)state;
    course = (struct course){.there = true, .changed = true};
    now = 1000000;
    when = 0;
    return 0;
}

static void says(enum course_action wanted)
{
    assert_int_equal(course_next(&course, now, &when), wanted);
}

/* Says nothing for that long. */
static void waits(uint64_t ms)
{
    says(COURSE_WAIT);
    assert_int_equal(when, ms == 0 ? 0 : now + ms);
    now += ms;
}

static void is_answered(enum course_action action, bool taken)
{
    says(action);
    waits(0);
    course_answered(&course, action, taken, now);
}

static void comes_up(void)
{
    is_answered(COURSE_BIND, true);
    if (!course.loaded) {
        is_answered(COURSE_LOAD, true);
    }
    says(COURSE_APPLY);
    course_applied(&course, true);
}

static void a_new_one_is_bound_before_it_runs(void **state)
{
    (void)state;
    comes_up();
    waits(0);
}

static void what_the_server_refuses_is_asked_again_only_when_it_changes(void **state)
{
    (void)state;
    is_answered(COURSE_BIND, true);
    is_answered(COURSE_LOAD, true);
    says(COURSE_APPLY);
    course_applied(&course, false);
    waits(0);
    course.changed = true;
    says(COURSE_APPLY);
}

static void without_the_right_to_bind_it_waits_longer_and_longer(void **state)
{
    (void)state;
    is_answered(COURSE_BIND, false);
    waits(1000);
    is_answered(COURSE_BIND, false);
    waits(2000);
    for (int i = 0; i < 10; i++) {
        is_answered(COURSE_BIND, false);
        says(COURSE_WAIT);
        now = when;
    }
    is_answered(COURSE_BIND, false);
    waits(COURSE_ASK_MOST_MS);
    comes_up();
}

static void without_what_was_kept_it_does_not_begin(void **state)
{
    (void)state;
    is_answered(COURSE_BIND, true);
    is_answered(COURSE_LOAD, false);
    waits(1000);
    is_answered(COURSE_LOAD, true);
    says(COURSE_APPLY);
}

static void its_status_is_written_even_while_it_may_not_be_bound(void **state)
{
    (void)state;
    is_answered(COURSE_BIND, false);
    course.due = now;
    is_answered(COURSE_WRITE, true);
    course.due = 0;
    waits(1000);
}

static void a_status_is_written_when_it_is_due(void **state)
{
    (void)state;
    comes_up();
    course.due = now + 5000;
    waits(5000);
    is_answered(COURSE_WRITE, true);
    course.due = 0;
    waits(0);
}

static void a_status_that_is_not_taken_is_no_hot_loop(void **state)
{
    (void)state;
    comes_up();
    course.due = now;
    is_answered(COURSE_WRITE, false);
    waits(1000);
    is_answered(COURSE_WRITE, false);
    waits(2000);
}

static void what_failed_is_tried_again_later_and_later(void **state)
{
    uint64_t wait = COURSE_RETRY_MS;

    (void)state;
    comes_up();
    for (int i = 0; i < 10; i++) {
        course_ended(&course, true, now);
        assert_int_equal(course_retry_ms(&course), wait);
        waits(wait);
        says(COURSE_APPLY);
        course_applied(&course, true);
        assert_int_equal(course_retry_ms(&course), 0);
        wait = wait * 2 < COURSE_RETRY_MOST_MS ? wait * 2 : COURSE_RETRY_MOST_MS;
    }
}

static void what_ran_for_a_while_begins_with_short_waits_again(void **state)
{
    (void)state;
    comes_up();
    for (int i = 0; i < 3; i++) {
        course_ended(&course, true, now);
        says(COURSE_WAIT);
        now = when;
        says(COURSE_APPLY);
        course_applied(&course, true);
    }
    course_runs(&course, now);
    now += COURSE_STEADY_MS;
    course_ended(&course, true, now);
    waits(COURSE_RETRY_MS);
}

static void what_came_to_its_end_stays_there(void **state)
{
    (void)state;
    comes_up();
    course_ended(&course, false, now);
    waits(0);
    course.changed = true;
    says(COURSE_APPLY);
}

static void a_change_does_not_wait_for_the_next_try(void **state)
{
    (void)state;
    comes_up();
    course_ended(&course, true, now);
    course.changed = true;
    says(COURSE_APPLY);
    course_applied(&course, true);
    waits(0);
}

static void one_that_was_unbound_by_others_is_bound_again(void **state)
{
    (void)state;
    comes_up();
    course.bound = false;
    is_answered(COURSE_BIND, true);
    waits(0);
}

static void one_that_is_deleted_drains_and_then_goes(void **state)
{
    (void)state;
    comes_up();
    course.deleted = true;
    course.deleted_at = now;
    says(COURSE_DRAIN);
    says(COURSE_WAIT);
    assert_int_equal(when, now + COURSE_DRAIN_MS);
    course_gone(&course);
    is_answered(COURSE_UNBIND, true);
    waits(0);
    course.there = false;
    says(COURSE_FORGET);
}

static void one_that_does_not_drain_is_ended(void **state)
{
    (void)state;
    comes_up();
    course.deleted = true;
    course.deleted_at = now;
    says(COURSE_DRAIN);
    waits(COURSE_DRAIN_MS);
    says(COURSE_END);
    waits(0);
    course_gone(&course);
    is_answered(COURSE_UNBIND, true);
}

/* Under an earlier controller it ran, and was deleted; `kept`: it left what it knew. */
static void is_found_deleted(uint64_t ago, bool kept)
{
    course.bound = course.deleted = true;
    course.deleted_at = now - ago;
    is_answered(COURSE_LOAD, true);
    course.kept = kept;
}

static void one_that_ran_under_another_controller_is_taken_up_and_drains(void **state)
{
    (void)state;
    is_found_deleted(10000, true);
    says(COURSE_APPLY);
    course_applied(&course, true);
    says(COURSE_WAIT);
    assert_int_equal(when, now + COURSE_DRAIN_MS - 10000);
    now += 3000;
    course_runs(&course, now);
    says(COURSE_DRAIN);
    waits(COURSE_DRAIN_MS - 13000);
    says(COURSE_END);
    course_gone(&course);
    course.changed = true;
    is_answered(COURSE_UNBIND, true);
    waits(0);
}

static void however_late_that_is_there_is_time_for_it(void **state)
{
    (void)state;
    is_found_deleted(600000, true);
    says(COURSE_APPLY);
    course_applied(&course, true);
    waits(COURSE_TAKE_UP_MS);
    says(COURSE_DRAIN);
    says(COURSE_END);
}

static void one_of_which_nothing_was_kept_goes_at_once(void **state)
{
    (void)state;
    is_found_deleted(1000, false);
    is_answered(COURSE_UNBIND, true);
}

static void one_that_cannot_be_taken_up_goes(void **state)
{
    (void)state;
    is_found_deleted(1000, true);
    says(COURSE_APPLY);
    course_applied(&course, false);
    is_answered(COURSE_UNBIND, true);
    start(NULL);
    is_found_deleted(1000, true);
    says(COURSE_APPLY);
    course_applied(&course, true);
    course_ended(&course, true, now);
    says(COURSE_DRAIN);
}

static void what_was_kept_is_not_asked_for_ever(void **state)
{
    uint64_t began = now;

    (void)state;
    course.bound = course.deleted = true;
    course.deleted_at = now;
    for (enum course_action action = course_next(&course, now, &when); action != COURSE_UNBIND;
         action = course_next(&course, now, &when)) {
        if (action == COURSE_LOAD) {
            course_answered(&course, action, false, now);
        } else {
            now = when;
        }
        assert_true(now <= began + COURSE_DRAIN_MS + COURSE_ASK_MOST_MS);
    }
    assert_true(now >= began + COURSE_DRAIN_MS);
}

static void one_that_never_ran_goes_at_once(void **state)
{
    (void)state;
    course.deleted = true;
    course.changed = false;
    waits(0);
    course.bound = true;
    is_answered(COURSE_UNBIND, true);
    waits(0);
}

static void one_that_failed_and_is_deleted_is_not_tried_again(void **state)
{
    (void)state;
    comes_up();
    course_ended(&course, true, now);
    course.deleted = true;
    says(COURSE_DRAIN);
    course_gone(&course);
    is_answered(COURSE_UNBIND, true);
}

static void one_that_is_gone_ends_at_once(void **state)
{
    (void)state;
    comes_up();
    course.there = false;
    says(COURSE_END);
    waits(0);
    course_gone(&course);
    says(COURSE_FORGET);
}

static void another_of_its_name_waits_until_the_first_is_gone(void **state)
{
    (void)state;
    comes_up();
    course.other = true;
    course.bound = false;
    course.changed = true;
    says(COURSE_END);
    waits(0);
    course_gone(&course);
    comes_up();
}

#define STORY(story) cmocka_unit_test_setup(story, start)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_new_one_is_bound_before_it_runs),
        STORY(what_the_server_refuses_is_asked_again_only_when_it_changes),
        STORY(without_the_right_to_bind_it_waits_longer_and_longer),
        STORY(without_what_was_kept_it_does_not_begin),
        STORY(its_status_is_written_even_while_it_may_not_be_bound),
        STORY(a_status_is_written_when_it_is_due),
        STORY(a_status_that_is_not_taken_is_no_hot_loop),
        STORY(what_failed_is_tried_again_later_and_later),
        STORY(what_ran_for_a_while_begins_with_short_waits_again),
        STORY(what_came_to_its_end_stays_there),
        STORY(a_change_does_not_wait_for_the_next_try),
        STORY(one_that_was_unbound_by_others_is_bound_again),
        STORY(one_that_is_deleted_drains_and_then_goes),
        STORY(one_that_does_not_drain_is_ended),
        STORY(one_that_ran_under_another_controller_is_taken_up_and_drains),
        STORY(however_late_that_is_there_is_time_for_it),
        STORY(one_of_which_nothing_was_kept_goes_at_once),
        STORY(one_that_cannot_be_taken_up_goes),
        STORY(what_was_kept_is_not_asked_for_ever),
        STORY(one_that_never_ran_goes_at_once),
        STORY(one_that_failed_and_is_deleted_is_not_tried_again),
        STORY(one_that_is_gone_ends_at_once),
        STORY(another_of_its_name_waits_until_the_first_is_gone),
    };

    return cmocka_run_group_tests_name("course", tests, NULL, NULL);
}
