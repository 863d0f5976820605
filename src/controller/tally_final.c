#include <stdlib.h>
#include <string.h>

#include "controller/tally_state.h"

/* A part of no time at all is nobody's: null. */
static json_t *per_second(double what, double seconds)
{
    return seconds > 0 ? json_real(what / seconds) : json_null();
}

/* A single frame has no rate. */
static json_t *frame_rate(uint64_t frames, double seconds)
{
    return frames != 1 ? per_second((double)frames, seconds) : json_null();
}

static json_t *steady_rate(const struct sink *sink, double seconds)
{
    uint64_t frames = sink->drain_delivered - sink->warm_delivered;

    if (sink->warm_ns > 0 && sink->drain_ns > sink->warm_ns && frames >= 2) {
        return json_real((double)frames * 1e9 / (double)(sink->drain_ns - sink->warm_ns));
    }
    /* Too short a run to be warm: what the first frames waited for is left out, at least. */
    frames = sink->delivered - sink->first_delivered;
    if (sink->first_ns > 0 && sink->last_ns > sink->first_ns && frames >= 2) {
        return json_real((double)frames * 1e9 / (double)(sink->last_ns - sink->first_ns));
    }
    return frame_rate(sink->delivered, seconds);
}

static json_t *final_frames(const struct tally *tally, const struct sink *slowest)
{
    uint64_t accepted = 0, delivered = slowest != NULL ? slowest->delivered : 0, repeated = 0;

    for (size_t i = 0; i < tally->deployment->n_stages; i++) {
        uint64_t taken = tally->members[i].accepted.now;
        accepted = taken > accepted ? taken : accepted;
    }
    for (size_t i = 0; i < tally->n_sinks; i++) {
        repeated += tally->sinks[i].repeated;
    }
    return json_pack("{sIsIsIsI}", "accepted", (json_int_t)accepted, "delivered",
                     (json_int_t)delivered, "lost",
                     (json_int_t)(accepted > delivered ? accepted - delivered : 0),
                     "duplicated", (json_int_t)repeated);
}

/* "12:30" of the part of a model that an operator runs, as [12, 30]; NULL: no model. */
static json_t *segment_of(const struct deployment_operator *part)
{
    unsigned from, to;

    for (size_t i = 0; i < part->n_params; i++) {
        char *end = NULL;
        if (strcmp(part->params[i].name, "segment") != 0) {
            continue;
        }
        from = (unsigned)strtoul(part->params[i].value, &end, 10);
        to = *end == ':' ? (unsigned)strtoul(end + 1, NULL, 10) : from;
        return json_pack("[ii]", (int)from, (int)to);
    }
    return NULL;
}

static json_t *describe(const struct deployment *deployment,
                        const struct deployment_stage *stage)
{
    json_t *operators = json_array(), *cut = NULL;

    for (size_t i = 0; i < deployment->n_operators; i++) {
        const struct deployment_operator *part = &deployment->operators[i];
        if (strcmp(part->group, stage->group) == 0) {
            json_array_append_new(operators, json_string(part->name));
            cut = cut == NULL ? segment_of(part) : cut;
        }
    }
    return json_pack("{sssssoso?}", "name", stage->name, "device", stage->device, "operators",
                     operators, "cut", cut);
}

json_t *tally_stages(const struct tally *tally)
{
    json_t *stages = json_array();

    for (size_t i = 0; i < tally->deployment->n_stages; i++) {
        json_array_append_new(stages,
                              describe(tally->deployment, &tally->deployment->stages[i]));
    }
    return stages;
}

static json_t *final_stage(const struct tally *tally, const struct member *member,
                           double seconds, double predicted_busy)
{
    json_t *stage = describe(tally->deployment, member->stage);
    cleanup(json_decrefp) json_t *measured = json_pack(
        "{sososo"
        "sfsfsIsIsI}",
        "rate", frame_rate(count_total(&member->frames), seconds), "busy",
        per_second((double)count_total(&member->busy_ns) / 1e9 / member->stage->workers,
                   seconds),
        "cpu", per_second((double)count_total(&member->cpu_ns) / 1e9, seconds), "rss_mb",
        (double)member->memory / 1e6, "predicted_busy", predicted_busy, "errors",
        (json_int_t)count_total(&member->errors), "resent",
        (json_int_t)count_total(&member->resent), "start_ms", (json_int_t)member->start_ms);

    json_object_update(stage, measured);
    return stage;
}

static json_t *final_links(const struct tally *tally)
{
    json_t *links = json_array(), *entry;
    const char *to;

    for (size_t i = 0; i < tally->deployment->n_stages; i++) {
        const struct member *member = &tally->members[i];
        cleanup(json_decrefp) json_t *sum = json_object();

        tally_add_links(sum, member->past_links);
        tally_add_links(sum, member->links);
        json_object_foreach(sum, to, entry)
        {
            json_array_append_new(links,
                                  json_pack("{sssssIsI}", "from", member->stage->name, "to", to,
                                            "bytes", (json_int_t)json_count(entry, "bytes"),
                                            "frames", (json_int_t)json_count(entry, "frames")));
        }
    }
    return links;
}

static json_t *final_failures(const struct tally *tally)
{
    json_t *failures = json_array();

    for (size_t i = 0; i < tally->n_failures; i++) {
        const struct failure *failure = &tally->failures[i];
        json_t *recovered = failure->recovered < 0
                                ? json_null()
                                : json_real((failure->recovered - failure->seconds) * 1000);
        json_array_append_new(failures,
                              json_pack("{sfssso}", "time", failure->seconds, "what",
                                        failure->what, "recovered_after_ms", recovered));
    }
    return failures;
}

json_t *tally_final(const struct tally *tally, double seconds, const double *predicted_busy)
{
    const struct sink *slowest = tally_slowest(tally);
    struct histogram latency = {0};
    json_t *stages = json_array();

    for (size_t i = 0; i < tally->n_sinks; i++) {
        histogram_merge(&latency, &tally->sinks[i].past);
        histogram_merge(&latency, &tally->sinks[i].now);
    }
    for (size_t i = 0; i < tally->deployment->n_stages; i++) {
        const struct member *member = &tally->members[i];
        json_array_append_new(stages, final_stage(tally, member, seconds, predicted_busy[i]));
    }
    return json_pack("{sssfsosos{sfsfsf}sososososo}", "application",
                     tally->deployment->application, "seconds", seconds, "frames",
                     final_frames(tally, slowest), "rate",
                     slowest != NULL ? steady_rate(slowest, seconds) : frame_rate(0, seconds),
                     "latency_ms", "p50", histogram_quantile(&latency, 0.5) / 1000, "p90",
                     histogram_quantile(&latency, 0.9) / 1000, "p99",
                     histogram_quantile(&latency, 0.99) / 1000, "stages", stages, "links",
                     final_links(tally), "failures", final_failures(tally), "refused",
                     tally_final_refused(tally), "left_out", tally_final_left_out(tally));
}
