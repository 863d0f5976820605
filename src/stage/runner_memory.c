/* Saves stateful operators, on the worker threads: a snapshot between two turns of the
 * operator, which the core sees to, then to disk. */
#include <errno.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/memory.h"
#include "stage/runner_state.h"

struct saving {
    uv_work_t work;
    struct runner *runner;
    unsigned operator_id;
    uint64_t sequence;
    struct error err;
    int r;
};

/* The disk may have gone with a machine; what the controller keeps has not. */
static int raise_checkpoint(const struct runner *runner, const char *name,
                            struct checkpoint *checkpoint, struct error *err)
{
    const json_t *told = json_object_get(runner->part.checkpoints, name);
    const char *data = json_string_value(json_object_get(told, "data"));
    json_int_t mark = json_integer_value(json_object_get(told, "mark"));
    size_t size = 0;

    if (data == NULL || mark <= 0) {
        return 0;
    }
    cleanup(memory_free) void *bytes = base64_decode(data, &size);
    if (bytes == NULL && data[0] != '\0') {
        return error_set(err, -EPROTO, "'%s': the controller sent a checkpoint that is none",
                         name);
    }
    checkpoint_raise(checkpoint, (uint64_t)mark, bytes, size);
    return 0;
}

int runner_memory_restore(struct runner *runner, size_t i, struct error *err)
{
    struct runner_memory *memory = &runner->memories[i];
    size_t size;

    if ((runner->types[i]->flags & BRUME_STATEFUL) == 0) {
        return 0;
    }
    const char *name = runner->part.operators[i]->name;
    int r = checkpoint_open(runner->part.state_folder, name, &memory->checkpoint, err);
    r = r < 0 ? r : raise_checkpoint(runner, name, memory->checkpoint, err);
    const void *data = r < 0 ? NULL : checkpoint_data(memory->checkpoint, &size);
    return data == NULL ? r : operator_restore(runner->instances[i], data, size, err);
}

void runner_memory_finish(struct runner_memory *memory)
{
    checkpoint_close(memory->checkpoint);
    free(memory->snapshot.data);
}

uint64_t runner_mark(const struct runner *runner, unsigned operator_id)
{
    const struct checkpoint *checkpoint = runner->memories[operator_id].checkpoint;

    return checkpoint == NULL ? 0 : checkpoint_mark(checkpoint);
}

const struct operator_saved *runner_snapshot(const struct runner *runner, unsigned operator_id)
{
    return &runner->memories[operator_id].snapshot;
}

static struct saving *begin(struct runner *runner, unsigned operator_id, uint64_t sequence)
{
    struct saving *saving = memory_new(1, sizeof(*saving));

    saving->work.data = saving;
    saving->runner = runner;
    saving->operator_id = operator_id;
    saving->sequence = sequence;
    runner->n_working++;
    return saving;
}

static void save(uv_work_t *work)
{
    struct saving *saving = work->data;
    struct runner_memory *memory = &saving->runner->memories[saving->operator_id];

    free(memory->snapshot.data);
    memory->snapshot = (struct operator_saved){0};
    saving->r = operator_save(saving->runner->instances[saving->operator_id], &memory->snapshot,
                              &saving->err);
}

static void saved(uv_work_t *work, int status)
{
    struct saving *saving = work->data;
    struct runner *runner = saving->runner;

    (void)status;
    if (!runner_work_over(runner)) {
        runner->events->saved(runner->owner, saving->operator_id,
                              saving->r < 0 ? &saving->err : NULL);
    }
    free(saving);
}

void runner_save(struct runner *runner, unsigned operator_id, uint64_t sequence)
{
    uv_queue_work(runner->loop, &begin(runner, operator_id, sequence)->work, save, saved);
}

static void keep(uv_work_t *work)
{
    struct saving *saving = work->data;
    struct runner_memory *memory = &saving->runner->memories[saving->operator_id];

    saving->r = checkpoint_write(memory->checkpoint, saving->sequence, memory->snapshot.data,
                                 memory->snapshot.size, &saving->err);
}

static void kept(uv_work_t *work, int status)
{
    struct saving *saving = work->data;
    struct runner *runner = saving->runner;

    (void)status;
    if (!runner_work_over(runner)) {
        runner->events->kept(runner->owner, saving->operator_id,
                             saving->r < 0 ? &saving->err : NULL);
    }
    free(saving);
}

void runner_keep(struct runner *runner, unsigned operator_id, uint64_t sequence)
{
    uv_queue_work(runner->loop, &begin(runner, operator_id, sequence)->work, keep, kept);
}
