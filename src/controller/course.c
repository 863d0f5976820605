#include "controller/course.h"

static uint64_t doubled(uint64_t first, uint64_t most, unsigned times)
{
    uint64_t wait = first;

    for (unsigned i = 1; i < times && wait < most; i++) {
        wait *= 2;
    }
    return wait < most ? wait : most;
}

/* Keeps the earlier of the two; 0 is never. */
static void note_when(uint64_t *when, uint64_t at)
{
    if (at > 0 && (*when == 0 || at < *when)) {
        *when = at;
    }
}

static enum course_action ask(struct course *course, enum course_action action)
{
    course->asking = true;
    return action;
}

static bool may(const struct course_patience *patience, uint64_t now, uint64_t *when)
{
    if (patience->not_before <= now) {
        return true;
    }
    note_when(when, patience->not_before);
    return false;
}

/* Whatever else it is, its status may be due. */
static enum course_action write_or_wait(struct course *course, uint64_t now, uint64_t *when)
{
    uint64_t at = course->due;

    if (at == 0) {
        return COURSE_WAIT;
    }
    at = at < course->writing.not_before ? course->writing.not_before : at;
    if (at <= now) {
        return ask(course, COURSE_WRITE);
    }
    note_when(when, at);
    return COURSE_WAIT;
}

/* The server is to have it no more; COURSE_WAIT: it was told, or has it not. */
static enum course_action end_at_once(struct course *course)
{
    if (!course->held || course->ending) {
        return COURSE_WAIT;
    }
    course->draining = course->ending = true;
    return COURSE_END;
}

static void note_end(struct course *course, uint64_t now)
{
    if (course->drain_until == 0) {
        uint64_t least = now + COURSE_TAKE_UP_MS;
        course->drain_until = course->deleted_at + COURSE_DRAIN_MS;
        course->drain_until = course->drain_until < least ? least : course->drain_until;
    }
}

/* Only what is held can be drained; what an earlier controller left may be taken up for that.
 */
static bool may_rise(const struct course *course, uint64_t now)
{
    return !course->held && course->bound && course->changed && now < course->drain_until &&
           (course->kept || !course->loaded);
}

static enum course_action take_up(struct course *course, uint64_t now, uint64_t *when)
{
    if (course->loaded) {
        course->rising = true;
        return COURSE_APPLY;
    }
    if (may(&course->binding, now, when)) {
        return ask(course, COURSE_LOAD);
    }
    note_when(when, course->drain_until);
    return write_or_wait(course, now, when);
}

static enum course_action next_of_deleted(struct course *course, uint64_t now, uint64_t *when)
{
    note_end(course, now);
    if (may_rise(course, now)) {
        return take_up(course, now, when);
    }
    if (course->held && course->rising && now < course->drain_until) {
        note_when(when, course->drain_until);
        return write_or_wait(course, now, when);
    }
    if (course->held && !course->draining) {
        course->draining = true;
        return COURSE_DRAIN;
    }
    if (course->held && !course->ending) {
        if (now >= course->drain_until) {
            return end_at_once(course);
        }
        note_when(when, course->drain_until);
    }
    if (!course->held && !course->bound) {
        return COURSE_WAIT; /* it waits for others' finalizers */
    }
    if (!course->held && may(&course->binding, now, when)) {
        return ask(course, COURSE_UNBIND);
    }
    return write_or_wait(course, now, when);
}

static enum course_action next_of_wanted(struct course *course, uint64_t now, uint64_t *when)
{
    bool again = course->failed && course->retry_at <= now;

    if ((course->changed || course->held) && !course->bound &&
        may(&course->binding, now, when)) {
        return ask(course, COURSE_BIND);
    }
    if (course->bound && (course->changed || again)) {
        if (course->loaded) {
            return COURSE_APPLY;
        }
        if (may(&course->binding, now, when)) {
            return ask(course, COURSE_LOAD);
        }
    }
    if (course->failed && course->bound) {
        note_when(when, course->retry_at);
    }
    return write_or_wait(course, now, when);
}

enum course_action course_next(struct course *course, uint64_t now, uint64_t *ret_when)
{
    *ret_when = 0;
    if (course->asking) {
        return COURSE_WAIT;
    }
    if (!course->there) {
        return course->held ? end_at_once(course) : COURSE_FORGET;
    }
    if (course->other && course->held) {
        return end_at_once(course);
    }
    if (course->deleted) {
        return next_of_deleted(course, now, ret_when);
    }
    course->drain_until = 0;
    return next_of_wanted(course, now, ret_when);
}

void course_answered(struct course *course, enum course_action action, bool taken, uint64_t now)
{
    struct course_patience *patience =
        action == COURSE_WRITE ? &course->writing : &course->binding;

    course->asking = false;
    if (!taken) {
        patience->n_failures++;
        patience->not_before =
            now + doubled(COURSE_ASK_MS, COURSE_ASK_MOST_MS, patience->n_failures);
        return;
    }
    *patience = (struct course_patience){0};
    if (action == COURSE_LOAD) {
        course->loaded = true;
    } else if (action != COURSE_WRITE) {
        course->bound = action == COURSE_BIND;
    }
}

void course_applied(struct course *course, bool accepted)
{
    course->changed = course->failed = false;
    course->held = course->held || accepted;
    course->kept = course->kept && !accepted;
    course->rising = course->rising && accepted;
    course->ran_since = accepted ? 0 : course->ran_since;
}

void course_runs(struct course *course, uint64_t now)
{
    course->rising = false;
    course->ran_since = now;
}

void course_ended(struct course *course, bool failed, uint64_t now)
{
    bool steady = course->ran_since > 0 && now - course->ran_since >= COURSE_STEADY_MS;

    course->rising = false;
    course->failed = failed;
    course->tries = !failed ? 0 : steady ? 1 : course->tries + 1;
    course->ran_since = 0;
    course->retry_at = now + course_retry_ms(course);
}

uint64_t course_retry_ms(const struct course *course)
{
    return course->failed ? doubled(COURSE_RETRY_MS, COURSE_RETRY_MOST_MS, course->tries) : 0;
}

void course_gone(struct course *course)
{
    course->held = course->rising = course->draining = course->ending = false;
    course->failed = false;
    course->tries = 0;
    if (course->other) {
        course->other = false;
        course->changed = true;
    }
}
