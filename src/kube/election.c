#include "kube/election.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "kube/lease.h"
#include "kube/timestamp.h"

struct election {
    char *space, *name, *identity;
    uint64_t random;
    bool begun, writes; /* what is done next, or was begun */
    uint64_t begun_ms, not_before_ms;
    json_t *lease;       /* as it was last; NULL: there is none, or it was not read yet */
    uint64_t changed_ms; /* when that was seen */
    bool holds;
    uint64_t renewed_ms; /* when what was done was asked for */
    struct error trouble, why;
};

struct election *election_create(const char *space, const char *name, const char *identity,
                                 uint64_t seed)
{
    struct election *election = memory_new(1, sizeof(*election));

    election->space = memory_text(space);
    election->name = memory_text(name);
    election->identity = memory_text(identity);
    election->random = seed;
    return election;
}

void election_destroy(struct election *election)
{
    if (election == NULL) {
        return;
    }
    free(election->space);
    free(election->name);
    free(election->identity);
    json_decref(election->lease);
    free(election);
}

static uint64_t throw_dice(struct election *election, uint64_t most)
{
    election->random = election->random * 6364136223846793005u + 1442695040888963407u;
    return (election->random >> 33) % (most + 1);
}

static const char *text_of(const json_t *lease, const char *part, const char *key)
{
    const char *text = json_string_value(json_object_get(json_object_get(lease, part), key));

    return text != NULL ? text : "";
}

static json_int_t number_of(const json_t *lease, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(lease, "spec"), key));
}

/* Who holds it may count on more than we ask for ourselves, but not on less: the same program
 * in another version. */
static uint64_t duration_ms(const json_t *lease)
{
    json_int_t seconds = number_of(lease, "leaseDurationSeconds");

    if (seconds < KUBE_LEASE_SECONDS) {
        seconds = KUBE_LEASE_SECONDS;
    }
    return (uint64_t)(seconds < ELECTION_DURATION_MOST_S ? seconds : ELECTION_DURATION_MOST_S) *
           1000;
}

static bool is_mine(const struct election *election, const json_t *lease)
{
    return strcmp(text_of(lease, "spec", "holderIdentity"), election->identity) == 0;
}

static bool is_anothers(const struct election *election)
{
    const char *holder = text_of(election->lease, "spec", "holderIdentity");

    return *holder != '\0' && strcmp(holder, election->identity) != 0;
}

static void lose(struct election *election, const struct error *why)
{
    if (election->holds) {
        election->holds = false;
        election->why = *why;
    }
}

static void step_down_in_time(struct election *election, uint64_t now_ms)
{
    struct error why;

    if (election->holds && now_ms >= election->renewed_ms + KUBE_LEASE_GIVE_UP_MS) {
        error_set(&why, -ETIMEDOUT, "the lease could not be renewed in time%s%s",
                  election->trouble.code < 0 ? ": " : "", election->trouble.text);
        lose(election, &why);
    }
}

enum election_step election_next(struct election *election, uint64_t now_ms,
                                 uint64_t *ret_wait_ms)
{
    step_down_in_time(election, now_ms);
    *ret_wait_ms = election->holds ? election->renewed_ms + KUBE_LEASE_GIVE_UP_MS - now_ms
                                   : (uint64_t)KUBE_LEASE_SECONDS * 1000;
    if (election->begun) {
        return ELECTION_BUSY;
    }
    if (now_ms < election->not_before_ms) {
        uint64_t wait = election->not_before_ms - now_ms;
        *ret_wait_ms = wait < *ret_wait_ms ? wait : *ret_wait_ms;
        return ELECTION_PAUSE;
    }
    election->begun = true;
    election->begun_ms = now_ms;
    return election->writes ? ELECTION_WRITE : ELECTION_READ;
}

bool election_is_new(const struct election *election)
{
    return election->lease == NULL;
}

static json_t *begin_wish(const struct election *election)
{
    if (election->lease == NULL) {
        return json_pack("{s:s, s:s, s:{s:s, s:s}, s:{}}", "apiVersion",
                         "coordination.k8s.io/v1", "kind", "Lease", "metadata", "name",
                         election->name, "namespace", election->space, "spec");
    }
    return json_deep_copy(election->lease);
}

json_t *election_wish(const struct election *election, uint64_t wall_ms)
{
    json_t *wish = begin_wish(election);
    json_int_t n_transitions = number_of(wish, "leaseTransitions");
    char now[KUBE_TIMESTAMP_TEXT];

    if (!json_is_object(json_object_get(wish, "spec"))) {
        json_object_set_new(wish, "spec", json_object());
    }
    json_t *spec = json_object_get(wish, "spec");
    kube_timestamp_micro(wall_ms, now);
    if (!is_mine(election, wish)) {
        n_transitions += election->lease != NULL ? 1 : 0;
        json_object_set_new(spec, "acquireTime", json_string(now));
    }
    json_object_set_new(spec, "leaseTransitions", json_integer(n_transitions));
    json_object_set_new(spec, "holderIdentity", json_string(election->identity));
    json_object_set_new(spec, "leaseDurationSeconds", json_integer(KUBE_LEASE_SECONDS));
    json_object_set_new(spec, "renewTime", json_string(now));
    return wish;
}

static void see(struct election *election, uint64_t now_ms, const json_t *lease)
{
    if (election->lease == NULL ||
        strcmp(text_of(election->lease, "metadata", "resourceVersion"),
               text_of(lease, "metadata", "resourceVersion")) != 0 ||
        strcmp(text_of(election->lease, "metadata", "uid"),
               text_of(lease, "metadata", "uid")) != 0) {
        json_decref(election->lease);
        election->lease = json_deep_copy(lease);
        election->changed_ms = now_ms;
    }
}

/* After it was read: it may be taken, or looked at again. */
static void decide(struct election *election, uint64_t now_ms)
{
    uint64_t free_ms = election->changed_ms + duration_ms(election->lease);
    uint64_t look_ms = now_ms + KUBE_LEASE_RENEW_MS * 4 / 5 +
                       throw_dice(election, KUBE_LEASE_RENEW_MS * 2 / 5);

    election->writes = !is_anothers(election) || now_ms >= free_ms;
    election->not_before_ms = election->writes ? now_ms : look_ms < free_ms ? look_ms : free_ms;
}

void election_read(struct election *election, uint64_t now_ms, const json_t *lease)
{
    struct error why;

    election->begun = false;
    election->trouble = (struct error){0};
    if (lease != NULL) {
        see(election, now_ms, lease);
    } else if (!is_anothers(election) ||
               now_ms >= election->changed_ms + duration_ms(election->lease)) {
        /* deleted, but who held it may not know yet */
        json_decref(election->lease);
        election->lease = NULL;
    }
    if (is_anothers(election)) {
        error_set(&why, -EBUSY, "%.128s has the lease",
                  text_of(election->lease, "spec", "holderIdentity"));
        lose(election, &why);
    }
    decide(election, now_ms);
}

void election_written(struct election *election, uint64_t now_ms, const json_t *lease)
{
    election->begun = false;
    election->trouble = (struct error){0};
    see(election, now_ms, lease);
    election->renewed_ms = election->begun_ms;
    election->holds = true;
    election->writes = true;
    election->not_before_ms = election->begun_ms + KUBE_LEASE_RENEW_MS;
    step_down_in_time(election, now_ms);
}

/* It is not known whether a write was done, so it is read first. */
void election_failed(struct election *election, uint64_t now_ms, int code, const char *why)
{
    bool beaten =
        election->writes && (code == -EBUSY || (code == -ENOENT && election->lease != NULL));

    election->begun = false;
    election->writes = false;
    if (beaten) {
        election->not_before_ms = now_ms + throw_dice(election, ELECTION_BEATEN_MS);
        return;
    }
    error_set(&election->trouble, code, "%s", why);
    election->not_before_ms = now_ms + ELECTION_AGAIN_MS;
    if (!election->holds) {
        election->not_before_ms += throw_dice(election, KUBE_LEASE_RENEW_MS);
    }
}

bool election_holds(const struct election *election)
{
    return election->holds;
}

const char *election_trouble(const struct election *election)
{
    return election->trouble.code < 0 ? election->trouble.text : NULL;
}

const char *election_why(const struct election *election)
{
    return election->why.text;
}

json_t *election_release(const struct election *election, const json_t *lease, uint64_t wall_ms)
{
    char now[KUBE_TIMESTAMP_TEXT];

    if (!is_mine(election, lease)) {
        return NULL;
    }
    json_t *released = json_deep_copy(lease);
    json_t *spec = json_object_get(released, "spec");
    json_object_del(spec, "holderIdentity");
    json_object_set_new(spec, "leaseDurationSeconds", json_integer(1));
    json_object_set_new(spec, "renewTime", json_string(kube_timestamp_micro(wall_ms, now)));
    return released;
}
