#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "controller/tally_state.h"

struct tally *tally_create(const struct deployment *deployment)
{
    struct tally *tally = memory_new(1, sizeof(*tally));

    tally->deployment = deployment;
    tally->members = memory_new(deployment->n_stages, sizeof(*tally->members));
    for (size_t i = 0; i < deployment->n_stages; i++) {
        tally->members[i].stage = &deployment->stages[i];
        tally->members[i].refused = memory_new(deployment->n_operators, sizeof(struct count));
        tally->members[i].left_out = memory_new(deployment->n_operators, sizeof(struct count));
        tally->members[i].links = json_object();
        tally->members[i].past_links = json_object();
    }
    return tally;
}

void tally_destroy(struct tally *tally)
{
    if (tally == NULL) {
        return;
    }
    for (size_t i = 0; i < tally->deployment->n_stages; i++) {
        free(tally->members[i].refused);
        free(tally->members[i].left_out);
        json_decref(tally->members[i].links);
        json_decref(tally->members[i].past_links);
    }
    for (size_t i = 0; i < tally->n_failures; i++) {
        free(tally->failures[i].what);
    }
    for (size_t i = 0; i < tally->n_refusals; i++) {
        free(tally->refusals[i].first);
        free(tally->refusals[i].last);
    }
    free(tally->members);
    free(tally->sinks);
    free(tally->failures);
    free(tally->refusals);
    free(tally);
}

static struct member *find_member(struct tally *tally, const char *stage)
{
    const struct deployment_stage *found = deployment_stage(tally->deployment, stage);

    return found == NULL ? NULL : &tally->members[found - tally->deployment->stages];
}

static struct sink *find_sink(struct tally *tally, const char *name)
{
    for (size_t i = 0; i < tally->n_sinks; i++) {
        if (strcmp(tally->sinks[i].name, name) == 0) {
            return &tally->sinks[i];
        }
    }
    const struct deployment_operator *found = deployment_operator(tally->deployment, name);
    if (found == NULL) {
        return NULL;
    }
    tally->sinks = memory_grow(tally->sinks, tally->n_sinks, sizeof(*tally->sinks));
    tally->sinks[tally->n_sinks] = (struct sink){.name = found->name};
    return &tally->sinks[tally->n_sinks++];
}

static void take_sink(struct tally *tally, const char *name, const json_t *report)
{
    struct sink *sink = find_sink(tally, name);
    struct error err;

    if (sink == NULL) {
        return;
    }
    sink->mark = json_count(report, "mark");
    sink->delivered = json_count(report, "delivered");
    sink->repeated = json_count(report, "repeated");
    sink->last_ns =
        json_count(report, "last_ns") > 0 ? json_count(report, "last_ns") : sink->last_ns;
    histogram_from_json(json_object_get(report, "latency"), &sink->now, &err);
    if (sink->first_ns == 0 && sink->delivered > 0) {
        sink->first_delivered = sink->delivered;
        sink->first_ns = sink->last_ns;
    }
    uint64_t warm = (uint64_t)tally->deployment->window * WARM_UP_WINDOWS;
    if (sink->warm_ns == 0 && sink->delivered >= warm) {
        sink->warm_delivered = sink->delivered;
        sink->warm_ns = sink->last_ns;
    }
    if (!tally->draining) {
        sink->drain_delivered = sink->delivered;
        sink->drain_ns = sink->last_ns;
    }
}

void tally_report(struct tally *tally, const char *stage, const json_t *report)
{
    struct member *member = find_member(tally, stage);
    uint64_t frames = 0, busy = 0, errors = 0, queue = 0;
    size_t i;
    json_t *entry;

    if (member == NULL) {
        return;
    }
    json_array_foreach(json_object_get(report, "operators"), i, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "name"));
        const json_t *sink = json_object_get(entry, "sink");

        frames = json_count(entry, "frames") > frames ? json_count(entry, "frames") : frames;
        busy += json_count(entry, "busy_ns");
        errors += json_count(entry, "errors");
        queue += json_count(entry, "queue");
        tally_take_refused(tally, member, entry);
        if (sink != NULL && name != NULL) {
            take_sink(tally, name, sink);
        }
    }
    member->frames.now = frames;
    member->busy_ns.now = busy;
    member->errors.now = errors;
    member->queue = queue;
    member->cpu_ns.now = json_count(report, "cpu_ns");
    member->memory = json_count(report, "rss");
    member->accepted.now = json_count(report, "accepted");
    member->repeated.now = json_count(report, "repeated");
    member->resent.now = json_count(report, "resent");
    json_object_clear(member->links);
    json_array_foreach(json_object_get(report, "links"), i, entry)
    {
        const char *to = json_string_value(json_object_get(entry, "to"));
        if (to != NULL) {
            json_object_set(member->links, to, entry);
        }
    }
}

static void carry(struct count *count)
{
    count->past += count->now;
    count->now = 0;
}

void tally_add_links(json_t *to, json_t *from)
{
    const char *name;
    json_t *entry;

    json_object_foreach(from, name, entry)
    {
        const json_t *old = json_object_get(to, name);
        uint64_t bytes = json_count(entry, "bytes") + json_count(old, "bytes");
        uint64_t frames = json_count(entry, "frames") + json_count(old, "frames");

        json_object_set_new(
            to, name,
            json_pack("{sIsI}", "bytes", (json_int_t)bytes, "frames", (json_int_t)frames));
    }
}

static void carry_all(struct tally *tally, struct member *member)
{
    carry(&member->frames);
    carry(&member->cpu_ns);
    carry(&member->busy_ns);
    carry(&member->errors);
    carry(&member->repeated);
    carry(&member->resent);
    for (size_t i = 0; i < tally->deployment->n_operators; i++) {
        carry(&member->refused[i]);
        carry(&member->left_out[i]);
    }
    tally_add_links(member->past_links, member->links);
    json_object_clear(member->links);
    for (size_t i = 0; i < tally->n_sinks; i++) {
        const struct deployment_operator *sink =
            deployment_operator(tally->deployment, tally->sinks[i].name);
        if (strcmp(sink->group, member->stage->group) == 0) {
            histogram_merge(&tally->sinks[i].past, &tally->sinks[i].now);
            tally->sinks[i].now = (struct histogram){0};
        }
    }
}

void tally_works(struct tally *tally, const char *stage, uint64_t after_ms)
{
    struct member *member = find_member(tally, stage);

    if (member != NULL) {
        member->start_ms = after_ms;
    }
}

void tally_ended(struct tally *tally, const char *stage)
{
    struct member *member = find_member(tally, stage);

    if (member != NULL) {
        carry_all(tally, member);
    }
}

void tally_gone(struct tally *tally, const char *stage, const char *how, double seconds)
{
    struct member *member = find_member(tally, stage);

    if (member == NULL) {
        return;
    }
    carry_all(tally, member);
    tally->failures = memory_grow(tally->failures, tally->n_failures, sizeof(*tally->failures));
    tally->failures[tally->n_failures++] = (struct failure){
        .seconds = seconds,
        .recovered = -1,
        .stage = member->stage->name,
        .what = memory_format("%s on %s %s", member->stage->name, member->stage->device, how)};
}

void tally_back(struct tally *tally, const char *stage, double seconds)
{
    for (size_t i = 0; i < tally->n_failures; i++) {
        struct failure *failure = &tally->failures[i];
        if (failure->recovered < 0 && strcmp(failure->stage, stage) == 0) {
            failure->recovered = seconds;
        }
    }
}

json_t *tally_marks(const struct tally *tally)
{
    json_t *marks = json_object();

    for (size_t i = 0; i < tally->n_sinks; i++) {
        const struct sink *sink = &tally->sinks[i];

        json_object_set_new(marks, sink->name,
                            json_pack("{sIsIsI}", "mark", (json_int_t)sink->mark, "delivered",
                                      (json_int_t)sink->delivered, "repeated",
                                      (json_int_t)sink->repeated));
    }
    return marks;
}

void tally_draining(struct tally *tally)
{
    tally->draining = true;
}

const struct sink *tally_slowest(const struct tally *tally)
{
    const struct sink *slowest = NULL;

    for (size_t i = 0; i < tally->n_sinks; i++) {
        if (slowest == NULL || tally->sinks[i].delivered < slowest->delivered) {
            slowest = &tally->sinks[i];
        }
    }
    return slowest;
}

/* Of all frames since the beginning; those of the slowest sink, for it sets the pace. */
static json_t *latency_of(const struct sink *sink)
{
    struct histogram all = {0};

    if (sink != NULL) {
        histogram_merge(&all, &sink->past);
        histogram_merge(&all, &sink->now);
    }
    return all.n == 0 ? json_null()
                      : json_pack("{sfsf}", "p50", histogram_quantile(&all, 0.5) / 1000, "p90",
                                  histogram_quantile(&all, 0.9) / 1000);
}

json_t *tally_progress(struct tally *tally, double seconds)
{
    const struct sink *sink = tally_slowest(tally);
    uint64_t delivered = sink != NULL ? sink->delivered : 0;
    double span = seconds - tally->progress_seconds;
    json_t *stages = tally_stages(tally);

    span = span > 0 ? span : 1;
    for (size_t i = 0; i < tally->deployment->n_stages; i++) {
        struct member *member = &tally->members[i];
        json_t *stage = json_array_get(stages, i);
        uint64_t frames = count_total(&member->frames), busy = count_total(&member->busy_ns);

        json_object_set_new(stage, "queue", json_integer((json_int_t)member->queue));
        json_object_set_new(stage, "rate",
                            json_real((double)(frames - member->progress_frames) / span));
        json_object_set_new(stage, "busy",
                            json_real((double)(busy - member->progress_busy) / 1e9 / span));
        member->progress_frames = frames;
        member->progress_busy = busy;
    }
    double rate = (double)(delivered - tally->progress_delivered) / span;
    tally->progress_delivered = delivered;
    tally->progress_seconds = seconds;
    return json_pack("{sIsfsoso}", "delivered", (json_int_t)delivered, "rate", rate,
                     "latency_ms", latency_of(sink), "stages", stages);
}
