/* The running stream of a stage: operators, data links and clock on one side, the core on the
 * other. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "stage/shell_state.h"

enum { REPLICA_NICE = 10 };

static void wake_due(uv_timer_t *timer);

static void say_working(struct shell *shell)
{
    shell_say(shell, json_pack("{ss}", "type", "working"));
}

static void say_finished(struct shell *shell)
{
    shell_say(shell, report_make(shell));
    shell_say(shell, json_pack("{ss}", "type", "finished"));
}

static void apply_effects(struct shell *shell)
{
    struct core_effect effect;

    while (shell->core != NULL && core_next(shell->core, &effect)) {
        switch (effect.kind) {
        case CORE_RUN:
            watch_stop(shell, effect.operator_id);
            runner_run(shell->runner, &effect, core_done(shell->core));
            effect.n_frames = 0;
            break;
        case CORE_SAVE:
            runner_save(shell->runner, effect.operator_id, effect.sequence);
            break;
        case CORE_KEEP:
            runner_keep(shell->runner, effect.operator_id, effect.sequence);
            break;
        case CORE_WAKE: {
            uint64_t now = clock_ms();
            uv_timer_start(&shell->wake, wake_due, effect.when > now ? effect.when - now : 0,
                           0);
            break;
        }
        case CORE_FINISHED:
            shell->finished = true;
            say_finished(shell);
            break;
        default:
            peers_send(shell->peers, &effect);
            break;
        }
        core_effect_finish(&effect);
    }
}

/* The controller hears at once that this life gets somewhere, not when the next report is due:
 * many a stage is killed before. */
static void tell_progress(struct shell *shell)
{
    if (shell->core != NULL && shell->working && !shell->progressed &&
        core_done(shell->core) > shell->began_at) {
        shell->progressed = true;
        shell_say(shell, report_make(shell));
    }
}

int stream_feed(void *owner, const struct core_event *event, struct error *err)
{
    struct shell *shell = owner;
    struct core_event timed = *event;

    if (shell->core == NULL) {
        frame_unref(event->frame);
        return 0;
    }
    timed.now = clock_ms();
    int r = core_step(shell->core, &timed, err);
    r = r < 0 ? r : marks_keep(shell, err);
    apply_effects(shell);
    tell_progress(shell);
    return r;
}

static void wake_due(uv_timer_t *timer)
{
    const struct core_event event = {.kind = CORE_CLOCK};
    struct error err;

    stream_feed(timer->data, &event, &err);
}

static uint64_t mark_now(void *owner)
{
    const struct shell *shell = owner;

    return core_done(shell->core);
}

static void peer_was_lost(void *owner, const char *peer, const char *why)
{
    shell_say(owner, json_pack("{ssssss}", "type", "peer-lost", "peer", peer, "why", why));
}

static void controller_called(void *owner, const char *address)
{
    shell_redial(owner, address);
}

static const struct peers_events peers_events = {stream_feed, mark_now, peer_was_lost,
                                                 controller_called};

/* Lines go to the controller, which prints those of a frame once: it knows how far it has
 * heard. Those of an operator that waits are of no frame. */
static void pass_on_lines(struct shell *shell, unsigned operator_id, uint64_t sequence,
                          bool waits, const struct operator_result *result)
{
    json_t *lines = json_array();

    for (size_t i = 0; i < result->n_said; i++) {
        json_array_append_new(lines, json_line(result->said[i]));
    }
    shell_say(shell, json_pack("{sssssIsbso}", "type", "say", "operator",
                               shell->config->operators[operator_id]->name, "sequence",
                               (json_int_t)sequence, "waits", waits, "lines", lines));
}

static void ran(void *owner, unsigned operator_id, uint64_t sequence, int r,
                struct operator_result *result)
{
    struct shell *shell = owner;
    struct core_event event = {
        .kind = CORE_RAN, .operator_id = operator_id, .sequence = sequence};
    struct error err;

    if (!shell->working) {
        shell->working = true;
        shell->began_at = core_done(shell->core);
        shell->began_ns = clock_process_ns();
        say_working(shell);
    }
    if (result->n_said > 0) {
        pass_on_lines(shell, operator_id, sequence, r == OPERATOR_LATER, result);
    }
    if (r == OPERATOR_END) {
        event.kind = CORE_SOURCE_ENDED;
    } else if (r == OPERATOR_LATER) {
        event.kind = CORE_SOURCE_LATER;
        event.when = clock_ms() + result->wait_ms;
        watch_start(shell, operator_id, result->wait_for);
    }
    for (unsigned i = 0; i < result->n_outputs && i < CORE_OUTPUTS_MAX; i++) {
        event.frames[i] = STEAL(result->outputs[i]);
    }
    if (shell->journals[operator_id] != NULL &&
        journal_note(shell->journals[operator_id], sequence, r == 0, &err) < 0) {
        shell_fail(shell, &err);
        return;
    }
    stream_feed(shell, &event, &err);
}

static void waits(void *owner, unsigned operator_id, uint64_t sequence,
                  const struct operator_result *result)
{
    if (result->n_said > 0) {
        pass_on_lines(owner, operator_id, sequence, true, result);
    }
}

static void opened(void *owner, const struct error *failure)
{
    struct shell *shell = owner;
    struct error err;

    if (failure != NULL) {
        shell_fail(shell, failure);
        return;
    }
    const struct peers_setup setup = {.config = shell->config,
                                      .host = shell->host,
                                      .token = shell->data_token,
                                      .life = shell->life,
                                      .tls = shell->tls,
                                      .events = &peers_events,
                                      .owner = shell};
    if (marks_open(shell, &err) < 0 ||
        peers_create(shell->loop, &setup, &shell->peers, &err) < 0) {
        shell_fail(shell, &err);
        return;
    }
    for (unsigned i = 0; i < shell->config->core.n_operators; i++) {
        if (shell->config->core.operators[i].stateful) {
            shell->config->core.operators[i].mark = runner_mark(shell->runner, i);
        }
    }
    checkpoints_open(shell);
    shell->core = core_create(&shell->config->core);
    log_event(LOG_INFO, "stage.ready", "stage=%s operators=%u", shell->name,
              shell->config->core.n_operators);
    stream_say_ready(shell);
    json_t *told = STEAL(shell->told);
    stream_set_peers(shell, told);
    json_decref(told);
    if (shell->draining) {
        stream_drain(shell);
    }
    const struct core_event start = {.kind = CORE_CLOCK};
    stream_feed(shell, &start, &err);
}

static void saved(void *owner, unsigned operator_id, const struct error *failure)
{
    const struct core_event event = {.kind = CORE_SAVED, .operator_id = operator_id};
    struct error err;

    if (failure != NULL) {
        shell_fail(owner, failure);
    } else {
        stream_feed(owner, &event, &err);
    }
}

static const struct runner_events runner_events = {opened, ran, waits, saved,
                                                   checkpoints_written};

static unsigned count_outputs(void *owner, const char *use)
{
    const struct deployment_operator wanted = {.use = (char *)(uintptr_t)use,
                                               .origin = (char *)(uintptr_t)use};
    const struct brume_operator *type;
    struct error err;

    (void)owner;
    return runner_type(&wanted, &type, &err) == 0 ? operator_n_outputs(type) : 0;
}

/* What the operators' own tables say of how they are run. */
static int take_flags(struct stage_config *config, struct error *err)
{
    int r = 0;

    for (unsigned i = 0; i < config->core.n_operators && r == 0; i++) {
        const struct brume_operator *type;

        r = runner_type(config->operators[i], &type, err);
        config->core.operators[i].merges = r == 0 && (type->flags & BRUME_MERGES) != 0;
        config->core.operators[i].stateful = r == 0 && (type->flags & BRUME_STATEFUL) != 0;
    }
    return r;
}

/* As many threads as the stage has workers; libuv reads this when the first work is queued. */
static void set_workers(unsigned workers)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", workers);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is no other thread yet */
    setenv("UV_THREADPOOL_SIZE", text, 1);
}

/* A replica shares its frames with others, a stage without replicas must take them all: on one
 * device the latter comes first, and the replica takes what is left. Credit does the rest. */
static void step_back(const struct shell *shell)
{
    if (!shell->config->core.ordered) {
        setpriority(PRIO_PROCESS, 0, REPLICA_NICE);
    }
}

int stream_configure(struct shell *shell, const json_t *message, struct error *err)
{
    const char *folder = json_string_value(json_object_get(message, "state"));
    const char *token = json_string_value(json_object_get(message, "data_token"));

    if (token == NULL) {
        return error_set(err, -EPROTO, "the controller sent no token for the data links");
    }
    int r =
        deployment_from_json(json_object_get(message, "deployment"), &shell->deployment, err);
    if (r < 0) {
        return r;
    }
    r = stage_config_create(shell->deployment, shell->name, count_outputs, NULL, &shell->config,
                            err);
    if (r == 0) {
        r = take_flags(shell->config, err);
    }
    if (r < 0) {
        return r;
    }
    json_int_t frames = json_integer_value(json_object_get(message, "frames"));
    if (frames > 0) {
        shell->config->core.frames = (uint64_t)frames;
    }
    shell->state_folder = memory_text(folder);
    shell->data_token = memory_text(token);
    shell->run = memory_text(json_string_value(json_object_get(message, "run")));
    shell->life = (unsigned)json_integer_value(json_object_get(message, "life"));
    json_int_t done = json_integer_value(json_object_get(message, "done"));
    shell->done = done > 0 ? (uint64_t)done : 0;
    shell->told = json_deep_copy(message);
    shell->draining = json_is_true(json_object_get(message, "drain"));
    if (shell->files != NULL && folder != NULL && file_make_folder(folder, err) < 0) {
        return err->code;
    }
    set_workers(shell->config->core.workers);
    step_back(shell);
    const struct runner_part part = {.n_operators = shell->config->core.n_operators,
                                     .operators = shell->config->operators,
                                     .run = shell->run,
                                     .state_folder = shell->state_folder,
                                     .checkpoints =
                                         json_object_get(shell->told, "checkpoints")};
    shell->runner = runner_create(shell->loop, &part, &runner_events, shell);
    return 0;
}

void stream_say_ready(struct shell *shell)
{
    char address[128];

    if (shell->core != NULL) {
        snprintf(address, sizeof(address), "%s:%u", shell->host, peers_port(shell->peers));
        shell_say(shell, json_pack("{ssss}", "type", "ready", "address", address));
    }
}

void stream_say_again(struct shell *shell)
{
    stream_say_ready(shell);
    if (shell->core != NULL && shell->working) {
        say_working(shell);
    }
    if (shell->core != NULL && shell->finished) {
        say_finished(shell);
    }
    checkpoints_say_again(shell);
}

void stream_set_peers(struct shell *shell, json_t *message)
{
    const char *stage;
    json_t *address, *life;

    if (shell->peers == NULL) {
        json_object_update_existing(shell->told, message);
        return;
    }
    json_object_foreach(json_object_get(message, "lives"), stage, life)
    {
        peers_set_life(shell->peers, stage, (unsigned)json_integer_value(life));
    }
    json_object_foreach(json_object_get(message, "peers"), stage, address)
    {
        if (json_is_string(address)) {
            peers_set_address(shell->peers, stage, json_string_value(address));
        }
    }
}

void stream_drain(struct shell *shell)
{
    const struct core_event event = {.kind = CORE_DRAIN};
    struct error err;

    shell->draining = true;
    stream_feed(shell, &event, &err);
}

void stream_stop(struct shell *shell)
{
    for (unsigned i = 0; shell->watches != NULL && i < shell->config->core.n_operators; i++) {
        watch_stop(shell, i);
    }
    core_destroy(STEAL(shell->core));
    peers_destroy(STEAL(shell->peers));
    runner_destroy(STEAL(shell->runner));
    for (unsigned i = 0; shell->journals != NULL && i < shell->config->core.n_operators; i++) {
        journal_close(STEAL(shell->journals[i]));
    }
    checkpoints_close(shell);
    journal_close(STEAL(shell->mark));
}
