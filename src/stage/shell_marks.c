/* How far a stage has got, on disk: its sinks each, and the stage as a whole where it has a
 * source. */
#include "base/memory.h"
#include "stage/shell_state.h"

/* The disk may have gone with a machine; what the controller was told then still holds. */
static void raise_mark(const struct shell *shell, struct journal *journal, const char *sink)
{
    const json_t *told = json_object_get(json_object_get(shell->told, "sinks"), sink);

    journal_raise(journal, (uint64_t)json_integer_value(json_object_get(told, "mark")),
                  (uint64_t)json_integer_value(json_object_get(told, "delivered")),
                  (uint64_t)json_integer_value(json_object_get(told, "repeated")));
}

int marks_open(struct shell *shell, struct error *err)
{
    struct stage_config *config = shell->config;
    int r = 0;

    shell->journals = memory_new(config->core.n_operators, sizeof(struct journal *));
    shell->watches = memory_new(config->core.n_operators, sizeof(struct watch *));
    for (unsigned i = 0; i < config->core.n_operators && r == 0; i++) {
        struct core_operator *state = &config->core.operators[i];

        if (state->source && shell->mark == NULL) {
            r = journal_open(shell->state_folder, config->operators[i]->name, &shell->mark,
                             err);
            config->core.done = r == 0 ? journal_mark(shell->mark) : 0;
            if (shell->done > config->core.done) {
                config->core.done = shell->done;
            }
        }
        if (state->sink) {
            r = journal_open(shell->state_folder, config->operators[i]->name,
                             &shell->journals[i], err);
            if (r == 0) {
                raise_mark(shell, shell->journals[i], config->operators[i]->name);
                state->mark = journal_mark(shell->journals[i]);
            }
        }
    }
    return r;
}

/* What a sink took in an earlier life, and could not tell any more, its neighbours have heard
 * of: what is done has reached every sink. */
static void learn(const struct shell *shell, uint64_t done)
{
    for (unsigned i = 0; i < shell->config->core.n_operators; i++) {
        struct journal *journal = shell->journals[i];

        if (journal != NULL && done != CORE_ALL && done > journal_mark(journal)) {
            journal_raise(journal, done,
                          journal_delivered(journal) + done - journal_mark(journal),
                          journal_repeated(journal));
        }
    }
}

/* A source must not be asked again for what was done in an earlier life, and its neighbours may
 * have to learn that first themselves. */
int marks_keep(struct shell *shell, struct error *err)
{
    uint64_t done = core_done(shell->core);

    learn(shell, done);
    if (shell->mark == NULL || done == CORE_ALL || done <= journal_mark(shell->mark)) {
        return 0;
    }
    return journal_note(shell->mark, done - 1, 1, err);
}
