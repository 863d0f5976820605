/* What the parts of the shell share: shell.c is its life, shell_stream.c the running stream,
 * shell_marks.c how far it has got, shell_checkpoint.c what of it the controller keeps,
 * shell_watch.c what sources wait for, report.c what it tells the controller. */
#ifndef STAGE_SHELL_STATE_H
#define STAGE_SHELL_STATE_H

#include <stdbool.h>

#include "base/json.h"
#include "graph/deployment.h"
#include "net/link.h"
#include "net/tls.h"
#include "stage/config.h"
#include "stage/core.h"
#include "stage/journal.h"
#include "stage/peers.h"
#include "stage/runner.h"
#include "stage/shell.h"

struct fetch;
struct measure;
struct shell_checkpoint;
struct watch;

struct shell {
    uv_loop_t *loop;
    char *name, *controller, *token;
    char *files;             /* the folder below which files are fetched, or NULL */
    struct tls_context *tls; /* NULL: links are not encrypted */
    char host[64];           /* where this stage is reached: the near end of the control link */
    struct link *dialled;    /* the control link until it is up; then it is `control` */
    struct link *control;    /* hello was said on it */
    uv_timer_t redial, report, wake, rest;
    bool stopping;
    char *failure;    /* what ends the stage, a sentence; NULL: nothing */
    int failure_code; /* its errno */

    /* From the deployment on. */
    struct deployment *deployment;
    struct stage_config *config;
    char *state_folder; /* for journals, or NULL */
    char *data_token;
    unsigned life; /* how often the stage was started before */
    uint64_t done; /* the mark that it told in an earlier life */
    char *run;     /* names the run of the application, or NULL */
    struct runner *runner;
    struct journal **journals; /* by operator; NULL but for sinks */
    struct journal *mark;      /* of a stage with sources: how far all is done; or NULL */
    struct shell_checkpoint *checkpoints; /* by operator; NULL: the controller keeps none */
    struct watch **watches; /* by operator: the descriptor that a source waits for, or NULL */
    struct core *core;      /* once the operators are open */
    struct peers *peers;
    json_t *told; /* how it was configured, with the latest of peers, until `peers` is there */
    bool draining;
    bool working;      /* an operator has run */
    uint64_t began_at; /* the mark then */
    uint64_t began_ns; /* CPU that was used by then: start and loading are no work on frames */
    bool progressed;   /* it has risen since, and was told */
    bool finished;     /* every frame is done */

    struct measure *measure; /* a measurement under way */
    struct fetch *fetch;     /* files that are missing, or NULL */
    uint64_t fetch_ns;       /* when it began */
    json_t *asked;           /* what the controller wants done when they are there */
};

/* Says something to the controller; takes `json`. Lost when no link is up: all that matters is
 * said again after the next hello. */
void shell_say(struct shell *shell, json_t *json);
/* Tells the controller what is wrong, in a sentence, and ends the stage; if no link is up, work
 * ends, and the rest waits some seconds for one. */
void shell_fail(struct shell *shell, const struct error *err);

/* The controller listens elsewhere now. */
void shell_redial(struct shell *shell, const char *address);

/* Takes the deployment out of a `configure` message and opens the operators. */
int stream_configure(struct shell *shell, const json_t *message, struct error *err);
/* Addresses and lives of peers, from a `peers` or a `configure` message. */
void stream_set_peers(struct shell *shell, json_t *message);
void stream_drain(struct shell *shell);
void stream_stop(struct shell *shell);
void stream_say_ready(struct shell *shell);
/* After hello: that it is ready, works, has finished, as far as it does. */
void stream_say_again(struct shell *shell);

/* Feeds the core of a shell (`owner`) and carries out what follows. */
int stream_feed(void *owner, const struct core_event *event, struct error *err);

/* Reads the marks of an earlier life into the configuration, and keeps the stage's own. */
int marks_open(struct shell *shell, struct error *err);
int marks_keep(struct shell *shell, struct error *err);

/* The memory of a stateful operator is on disk: the core hears that it is kept, when the
 * controller has it too where `told` asks for that. */
void checkpoints_open(struct shell *shell);
void checkpoints_close(struct shell *shell);
void checkpoints_written(void *owner, unsigned operator_id, const struct error *failure);
/* The controller answered; is lost; is back. */
void checkpoints_heard(struct shell *shell, const json_t *message);
void checkpoints_wait_no_more(struct shell *shell);
void checkpoints_say_again(struct shell *shell);
void checkpoints_rested(uv_timer_t *timer);

/* Wakes a source when the descriptor can be read; -1: none. One for each at a time. */
void watch_start(struct shell *shell, unsigned operator_id, int descriptor);
void watch_stop(struct shell *shell, unsigned operator_id);

json_t *report_make(const struct shell *shell);

#endif
