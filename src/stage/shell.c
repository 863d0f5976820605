#include "stage/shell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/address.h"
#include "net/hello.h"
#include "stage/fetch.h"
#include "stage/measure.h"
#include "stage/shell_state.h"

enum {
    REDIAL_MS = 200,
    REPORT_MS = 500,
    LAST_WORD_MS = 5000, /* to reach a controller that is not told yet what went wrong */
};

void shell_say(struct shell *shell, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);

    json_decref(json);
    if (shell->control != NULL && text != NULL) {
        link_send_text(shell->control, MESSAGE_CONTROL, text);
    }
    free(text);
}

static void last_word_due(uv_timer_t *timer)
{
    shell_stop(timer->data);
}

static void say_failure(struct shell *shell)
{
    shell_say(shell, json_pack("{sssosi}", "type", "failed", "error", json_line(shell->failure),
                               "errno", shell->failure_code));
    shell_stop(shell);
}

static void end_work(struct shell *shell)
{
    fetch_end(STEAL(shell->fetch));
    measure_stop(STEAL(shell->measure));
    stream_stop(shell);
}

void shell_fail(struct shell *shell, const struct error *err)
{
    char quoted[300];

    /* The controller tells the user, if it can hear of it. */
    log_event(shell->control != NULL ? LOG_INFO : LOG_ERROR, "stage.failed", "stage=%s why=%s",
              shell->name, log_quote(err->text, quoted, sizeof(quoted)));
    if (shell->stopping || shell->failure != NULL) {
        return;
    }
    shell->failure = memory_text(err->text);
    shell->failure_code = -err->code;
    if (shell->control != NULL) {
        say_failure(shell);
    } else {
        end_work(shell);
        uv_timer_start(&shell->wake, last_word_due, LAST_WORD_MS, 0);
    }
}

static void report_due(uv_timer_t *timer)
{
    struct shell *shell = timer->data;

    shell_say(shell,
              shell->core != NULL ? report_make(shell) : json_pack("{ss}", "type", "alive"));
}

/* Work that needs files. */
static int begin_work(struct shell *shell, const json_t *message, struct error *err)
{
    if (strcmp(json_string_value(json_object_get(message, "type")), "measure") == 0) {
        return measure_start(shell, message, err);
    }
    if (shell->deployment != NULL) {
        stream_say_ready(shell);
        return 0;
    }
    return stream_configure(shell, message, err);
}

static void say_for_files(void *owner, json_t *message)
{
    shell_say(owner, message);
}

static void files_complete(void *owner)
{
    struct shell *shell = owner;
    json_t *asked = STEAL(shell->asked);
    struct error err;

    if (shell->fetch != NULL) {
        shell_say(shell, json_pack("{sssIsf}", "type", "fetched", "bytes",
                                   (json_int_t)fetch_bytes(shell->fetch), "seconds",
                                   (double)(clock_ns() - shell->fetch_ns) / 1e9));
    }
    fetch_end(STEAL(shell->fetch));
    if (begin_work(shell, asked, &err) < 0) {
        shell_fail(shell, &err);
    }
    json_decref(asked);
}

/* The newest of what was asked for is done when its files are there. */
static int prepare_work(struct shell *shell, json_t *message, struct error *err)
{
    const struct fetch_events events = {say_for_files, files_complete, shell};
    const json_t *files = json_object_get(message, "files");

    fetch_end(STEAL(shell->fetch));
    json_decref(shell->asked);
    shell->asked = json_incref(message);
    if (shell->files == NULL || json_array_size(files) == 0) {
        files_complete(shell);
        return 0;
    }
    shell->fetch_ns = clock_ns();
    return fetch_begin(files, shell->files, &events, &shell->fetch, err);
}

static int obey(struct shell *shell, json_t *message, struct error *err)
{
    const char *type = json_string_value(json_object_get(message, "type"));

    if (type == NULL) {
        return error_set(err, -EPROTO, "the controller sent a message without a type");
    }
    if (strcmp(type, "configure") == 0 || strcmp(type, "measure") == 0) {
        return prepare_work(shell, message, err);
    }
    if (strcmp(type, "peers") == 0) {
        stream_set_peers(shell, message);
    } else if (strcmp(type, "kept") == 0) {
        checkpoints_heard(shell, message);
    } else if (strcmp(type, "drain") == 0) {
        stream_drain(shell);
    } else if (strcmp(type, "report") == 0 && shell->core != NULL) {
        shell_say(shell, report_make(shell));
    } else if (strcmp(type, "stop") == 0) {
        shell_stop(shell);
    } else if (strcmp(type, "no-file") == 0 && shell->fetch != NULL) {
        const char *why = json_string_value(json_object_get(message, "error"));
        return error_set(err, -ENOENT, "%s", why != NULL ? why : "a file is not to be had");
    }
    return 0;
}

static int obey_text(struct shell *shell, const struct message *message, const void *payload,
                     struct error *err)
{
    cleanup(json_decrefp) json_t *json =
        payload == NULL || message->kind != MESSAGE_CONTROL
            ? NULL
            : json_loadb(payload, message->size, JSON_REJECT_DUPLICATES, NULL);

    return json != NULL
               ? obey(shell, json, err)
               : error_set(err, -EPROTO, "the controller sent what is not a control message");
}

static void control_came(void *owner, struct link *link, const struct message *message,
                         void *payload)
{
    struct shell *shell = owner;
    struct error err;

    int r = 0;

    (void)link;
    if (message->kind != MESSAGE_FILE) {
        r = obey_text(shell, message, payload, &err);
    } else if (shell->fetch != NULL) {
        r = fetch_take(shell->fetch, message->sequence, payload, message->size, &err);
    }
    free(payload);
    if (r < 0) {
        shell_fail(shell, &err);
    }
}

static void control_opened(void *owner, struct link *link)
{
    struct shell *shell = owner;
    char *text = hello_to_text(&(struct hello){
        .from = shell->name, .to = (char *)(uintptr_t)HELLO_CONTROLLER, .token = shell->token});

    link_near_host(link, shell->host, sizeof(shell->host));
    link_send_text(link, MESSAGE_HELLO, text);
    free(text);
    shell->control = STEAL(shell->dialled);
    log_event(LOG_INFO, "stage.controller-up", "stage=%s", shell->name);
    if (shell->failure != NULL) {
        say_failure(shell);
    } else {
        stream_say_again(shell);
        if (shell->fetch != NULL) {
            fetch_again(shell->fetch);
        }
    }
}

static void control_closed(void *owner, struct link *link, const char *why)
{
    struct shell *shell = owner;
    char quoted[200];

    (void)link;
    shell->control = shell->dialled = NULL;
    if (!shell->stopping) {
        log_event(LOG_INFO, "stage.controller-lost", "stage=%s why=%s", shell->name,
                  log_quote(why, quoted, sizeof(quoted)));
        uv_timer_again(&shell->redial);
        checkpoints_wait_no_more(shell);
    }
}

static const struct link_events control_events = {control_opened, control_came, control_closed};

static int dial_controller(struct shell *shell, struct error *err)
{
    const struct link_place place = {
        .address = shell->controller, .tls = shell->tls, .name = HELLO_CONTROLLER};

    return link_dial(shell->loop, &place, &control_events, shell, &shell->dialled, err);
}

void shell_redial(struct shell *shell, const char *address)
{
    log_event(LOG_INFO, "stage.controller-moved", "stage=%s address=%s", shell->name, address);
    free(shell->controller);
    shell->controller = memory_text(address);
    link_close(STEAL(shell->control));
    link_close(STEAL(shell->dialled));
    uv_timer_again(&shell->redial);
    checkpoints_wait_no_more(shell);
}

static void redial_due(uv_timer_t *timer)
{
    struct shell *shell = timer->data;
    struct error err;

    if (shell->control != NULL) {
        uv_timer_stop(timer);
    } else if (shell->dialled == NULL && dial_controller(shell, &err) < 0) {
        log_event(LOG_WARN, "stage.dial-failed", "stage=%s why=\"%s\"", shell->name, err.text);
    }
}

/* Of an application that somebody looks at from afar. */
static void log_heard(void *owner, const char *line)
{
    shell_say(owner, json_pack("{ssso}", "type", "log", "line", json_line(line)));
}

int shell_create(uv_loop_t *loop, const struct shell_options *options, struct shell **ret_shell,
                 struct error *err)
{
    struct shell *shell = memory_new(1, sizeof(*shell));

    shell->loop = loop;
    shell->name = memory_text(options->name);
    shell->controller = memory_text(options->controller);
    shell->token = memory_text(options->token);
    shell->files = memory_text(options->files);
    shell->tls = tls_context_ref(options->tls);
    uv_timer_init(loop, &shell->redial);
    uv_timer_init(loop, &shell->report);
    uv_timer_init(loop, &shell->wake);
    uv_timer_init(loop, &shell->rest);
    shell->redial.data = shell->report.data = shell->wake.data = shell->rest.data = shell;
    uv_timer_start(&shell->redial, redial_due, REDIAL_MS, REDIAL_MS);
    uv_timer_start(&shell->report, report_due, REPORT_MS, REPORT_MS);
    log_set_listener(log_heard, shell);
    *ret_shell = shell;
    return dial_controller(shell, err);
}

void shell_stop(struct shell *shell)
{
    if (shell->stopping) {
        return;
    }
    shell->stopping = true;
    log_set_listener(NULL, NULL);
    if (shell->core != NULL) {
        shell_say(shell, report_make(shell)); /* who takes its place goes on from there */
    }
    end_work(shell);
    link_close(STEAL(shell->dialled));
    if (shell->control != NULL) {
        link_close_after_sending(STEAL(shell->control));
    }
    uv_close((uv_handle_t *)&shell->redial, NULL);
    uv_close((uv_handle_t *)&shell->report, NULL);
    uv_close((uv_handle_t *)&shell->wake, NULL);
    uv_close((uv_handle_t *)&shell->rest, NULL);
}

int shell_destroy(struct shell *shell)
{
    int code = shell->failure != NULL ? EX_SOFTWARE : EX_OK;

    stage_config_destroy(shell->config);
    deployment_destroy(shell->deployment);
    json_decref(shell->told);
    free(shell->journals);
    free(shell->watches);
    free(shell->state_folder);
    memory_wipe(&shell->data_token);
    free(shell->run);
    free(shell->files);
    json_decref(shell->asked);
    free(shell->name);
    free(shell->controller);
    memory_wipe(&shell->token);
    tls_context_unref(shell->tls);
    free(shell->failure);
    free(shell);
    return code;
}
