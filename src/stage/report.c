/* What a stage tells the controller twice a second. Counts are since the stage began, so that a
 * report may be lost. */
#include "base/clock.h"
#include "base/memory.h"
#include "stage/shell_state.h"

static json_t *report_sink(const struct journal *journal,
                           const struct runner_counters *counters)
{
    return json_pack("{sIsIsIsIso}", "mark", (json_int_t)journal_mark(journal), "delivered",
                     (json_int_t)journal_delivered(journal), "repeated",
                     (json_int_t)journal_repeated(journal), "last_ns",
                     (json_int_t)counters->last_ns, "latency",
                     histogram_to_json(&counters->latency));
}

static json_t *report_operator(const struct shell *shell, unsigned i)
{
    const struct runner_counters *counters = runner_count(shell->runner, i);
    json_t *report = json_pack(
        "{sssIsIsIsIsIsI}", "name", shell->config->operators[i]->name, "frames",
        (json_int_t)counters->frames, "errors", (json_int_t)counters->errors, "left_out",
        (json_int_t)counters->left_out, "cpu_ns", (json_int_t)counters->cpu_ns, "busy_ns",
        (json_int_t)counters->busy_ns, "queue", (json_int_t)core_queue(shell->core, i));

    if (counters->errors > 0) {
        json_object_set_new(report, "refused",
                            json_pack("{ssss}", "first", counters->first_refusal, "last",
                                      counters->last_refusal));
    }
    if (shell->journals[i] != NULL) {
        json_object_set_new(report, "sink", report_sink(shell->journals[i], counters));
    }
    return report;
}

json_t *report_make(const struct shell *shell)
{
    struct core_counters counters;
    json_t *operators = json_array();

    core_count(shell->core, &counters);
    for (unsigned i = 0; i < shell->config->core.n_operators; i++) {
        json_array_append_new(operators, report_operator(shell, i));
    }
    return json_pack(
        "{sssIsIsIsIsIsIsIsoso}", "type", "report", "now_ns", (json_int_t)clock_ns(), "cpu_ns",
        (json_int_t)(shell->working ? clock_process_ns() - shell->began_ns : 0), "rss",
        (json_int_t)memory_resident(), "done",
        (json_int_t)(core_done(shell->core) == CORE_ALL ? -1
                                                        : (json_int_t)core_done(shell->core)),
        "accepted", (json_int_t)counters.accepted, "repeated", (json_int_t)counters.repeated,
        "resent", (json_int_t)counters.resent, "operators", operators, "links",
        peers_report(shell->peers));
}
