/* What resources.c, which hears and decides, resources_see.c, which watches, and
 * resources_ask.c, which asks the API server and the server, share. */
#ifndef CONTROLLER_RESOURCES_STATE_H
#define CONTROLLER_RESOURCES_STATE_H

#include <stdbool.h>

#include "controller/course.h"
#include "controller/resource.h"
#include "controller/resource_manifest.h"
#include "controller/resources.h"

struct entry {
    struct entry *next;
    struct resources *resources;
    char *space, *name, *key;           /* "shop", "street", "shop/street" */
    json_t *object;                     /* as it was seen last */
    char *uid;                          /* of the one that the server holds, or is to hold */
    struct resource_manifest *manifest; /* of the object */
    json_t *request;                    /* of the object; NULL: see `refused` */
    json_t *applied;                    /* what the server was asked for last, or NULL */
    json_int_t generation;              /* of the object that this was read from */
    json_t *kept;  /* by an earlier controller, or null; NULL: that is not known yet */
    char *refused; /* why it is, or NULL */
    char *waits;   /* why it is not bound, or NULL */
    struct course course;
    enum course_action asked; /* what the request under way is for */
    struct kube_request *asking;
    json_t *written, *writing; /* statuses: at the object, and on their way there */
    json_t *said;              /* the last one that we wrote, or NULL */
    uint64_t written_ms;
    uint64_t quiet_until; /* it ran under an earlier controller, and may be taken up */
    bool unsaid;          /* something changed that the status may have to say */
};

struct resources {
    struct resources_setup setup;
    struct server *server;
    struct kube_watch *watch;
    struct kube_events *events;
    uv_timer_t timer;
    struct entry *entries; /* in no order */
    char *trouble;         /* why objects are not watched, or NULL */
    uint64_t n_writes, n_failures;
    bool leaving;
};

struct entry *resources_find(const struct resources *resources, const char *key);
void resources_free(struct entry *entry);
/* resources_see.c: an object is new, or changed; it is gone. `owner`: the resources. */
void resources_came(void *owner, const json_t *object);
void resources_went(void *owner, const json_t *object);
/* An object of its name, from the watch or as an answer; what is older than what is known is
 * left. */
void resources_take(struct entry *entry, const json_t *object);
/* What is written is what is there, for others may change it, too; but while something is on
 * its way, until that is answered. */
void resources_note_status(struct entry *entry);
/* From now on it is about the object as it is, of which the server has nothing yet. */
void resources_begin(struct entry *entry);
/* Carries out what the course says. */
void resources_do(struct entry *entry, enum course_action action);
/* What the object asks for, and what the server was asked for, are compared. */
void resources_read_request(struct entry *entry);
/* The status that the object should have; NULL: there is nothing to say yet. */
json_t *resources_status(const struct entry *entry);
void resources_say(const struct entry *entry, bool warning, const char *reason,
                   const char *message);
void resources_wake(struct resources *resources);

#endif
