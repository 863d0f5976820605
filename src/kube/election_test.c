/* Candidates and one store of a Lease, in virtual time. Each has a clock of its own, which is
 * somewhere else and runs a little faster or slower; requests and answers take their time, come
 * late, or are lost. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/test.h"
#include "kube/election.h"
#include "kube/lease.h"

enum { CANDIDATES_MAX = 3, STEP_MS = 5 };

struct store {
    json_t *lease;
    unsigned version;
};

/* What is on its way. */
struct request {
    bool is_there, arrived, writes, forgotten;
    uint64_t arrives_ms, answered_ms, given_up_ms;
    json_t *body, *answer; /* answer NULL: `code` */
    int code;
};

struct candidate {
    struct election *election;
    struct request request;
    uint64_t clock_ms; /* at 0 */
    double rate;
    unsigned n_won;
};

struct world {
    uint64_t now, random;
    struct store store;
    struct candidate candidates[CANDIDATES_MAX];
    unsigned n_candidates;
    unsigned lost_percent, slowest_ms;
    struct request late[64]; /* given up, but still on their way */
};

static uint64_t dice(struct world *world, uint64_t most)
{
    world->random = world->random * 6364136223846793005u + 1442695040888963407u;
    return (world->random >> 33) % (most + 1);
}

static const char *text_of(const json_t *lease, const char *part, const char *key)
{
    const char *text = json_string_value(json_object_get(json_object_get(lease, part), key));

    return text != NULL ? text : "";
}

/* As the API server does it; -EBUSY: 409. */
static int put(struct store *store, const json_t *lease)
{
    const char *version = text_of(lease, "metadata", "resourceVersion");
    const char *its = text_of(store->lease, "metadata", "resourceVersion");
    char next[16];

    if (*version == '\0' ? store->lease != NULL : store->lease == NULL) {
        return store->lease != NULL ? -EBUSY : -ENOENT;
    }
    if (strcmp(version, its) != 0) {
        return -EBUSY;
    }
    json_decref(store->lease);
    store->lease = json_deep_copy(lease);
    snprintf(next, sizeof(next), "%u", ++store->version);
    json_object_set_new(json_object_get(store->lease, "metadata"), "resourceVersion",
                        json_string(next));
    return 0;
}

static void finish_request(struct request *request)
{
    json_decref(request->body);
    json_decref(request->answer);
    *request = (struct request){0};
}

static void arrive(struct world *world, struct request *request)
{
    request->arrived = true;
    request->code = request->writes ? put(&world->store, request->body) : 0;
    if (request->code == 0 && world->store.lease == NULL) {
        request->code = -ENOENT;
    }
    if (request->code == 0) {
        request->answer = json_deep_copy(world->store.lease);
    }
}

static uint64_t local_time(const struct world *world, const struct candidate *candidate)
{
    return candidate->clock_ms + (uint64_t)((double)world->now * candidate->rate);
}

static void keep_late(struct world *world, struct request *request)
{
    for (unsigned i = 0; i < sizeof(world->late) / sizeof(*world->late); i++) {
        if (!world->late[i].is_there) {
            world->late[i] = *request;
            *request = (struct request){0};
            return;
        }
    }
    finish_request(request);
}

static void hear(struct world *world, struct candidate *candidate)
{
    struct request *request = &candidate->request;
    uint64_t now = local_time(world, candidate);

    if (request->arrived && world->now >= request->answered_ms) {
        if (request->code == -ENOENT && !request->writes) {
            election_read(candidate->election, now, NULL);
        } else if (request->code < 0) {
            election_failed(candidate->election, now, request->code, "refused");
        } else if (request->writes) {
            election_written(candidate->election, now, request->answer);
        } else {
            election_read(candidate->election, now, request->answer);
        }
        finish_request(request);
    } else if (now >= request->given_up_ms) {
        election_failed(candidate->election, now, -ETIMEDOUT, "no answer");
        keep_late(world, request);
    }
}

static void ask(struct world *world, struct candidate *candidate)
{
    struct request *request = &candidate->request;
    uint64_t wait = 0, now = local_time(world, candidate);

    enum election_step step = election_next(candidate->election, now, &wait);
    if (step != ELECTION_READ && step != ELECTION_WRITE) {
        return;
    }
    *request = (struct request){
        .is_there = true,
        .writes = step == ELECTION_WRITE,
        .arrives_ms = world->now + dice(world, world->slowest_ms),
        .given_up_ms = now + ELECTION_TIMEOUT_MS,
    };
    request->answered_ms = request->arrives_ms + dice(world, world->slowest_ms);
    if (dice(world, 99) < world->lost_percent) {
        request->arrives_ms += dice(world, 1) == 0 ? 1000000000 : dice(world, 9000);
    } else if (dice(world, 99) < world->lost_percent) {
        request->answered_ms = 1000000000;
    }
    request->body = request->writes ? election_wish(candidate->election, 1769860800000) : NULL;
}

/* Who holds it; -1: nobody. Two never may. */
static int step(struct world *world)
{
    int holder = -1;

    world->now += STEP_MS;
    for (unsigned i = 0; i < sizeof(world->late) / sizeof(*world->late); i++) {
        if (world->late[i].is_there && world->now >= world->late[i].arrives_ms) {
            if (!world->late[i].arrived) {
                arrive(world, &world->late[i]);
            }
            finish_request(&world->late[i]);
        }
    }
    for (unsigned i = 0; i < world->n_candidates; i++) {
        struct candidate *candidate = &world->candidates[i];
        bool held = election_holds(candidate->election);
        if (candidate->request.is_there && !candidate->request.arrived &&
            world->now >= candidate->request.arrives_ms) {
            arrive(world, &candidate->request);
        }
        if (candidate->request.is_there) {
            hear(world, candidate);
        }
        ask(world, candidate);
        candidate->n_won += !held && election_holds(candidate->election) ? 1 : 0;
    }
    for (unsigned i = 0; i < world->n_candidates; i++) {
        if (election_holds(world->candidates[i].election)) {
            assert_int_equal(holder, -1);
            holder = (int)i;
        }
    }
    return holder;
}

static void begin(struct world *world, unsigned n_candidates, uint64_t seed)
{
    *world = (struct world){.random = seed, .n_candidates = n_candidates, .slowest_ms = 20};
    for (unsigned i = 0; i < n_candidates; i++) {
        char identity[16];
        snprintf(identity, sizeof(identity), "c%u", i);
        world->candidates[i] = (struct candidate){
            .election = election_create("s", "lease", identity, seed + i),
            .clock_ms = dice(world, 100000000),
            .rate = 0.9 + (double)dice(world, 200) / 1000,
        };
    }
}

static void end(struct world *world)
{
    for (unsigned i = 0; i < world->n_candidates; i++) {
        election_destroy(world->candidates[i].election);
        finish_request(&world->candidates[i].request);
    }
    for (unsigned i = 0; i < sizeof(world->late) / sizeof(*world->late); i++) {
        finish_request(&world->late[i]);
    }
    json_decref(world->store.lease);
}

static void never_do_two_hold_it_whatever_is_late_or_lost(void **state)
{
    uint64_t held = 0, all = 0;

    (void)state;
    for (unsigned seed = 0; seed < 300; seed++) {
        struct world world;
        begin(&world, 2 + seed % 2, seed);
        world.lost_percent = seed % 5 * 12;
        world.slowest_ms = seed % 7 * 100;
        while (world.now < 60000) {
            held += step(&world) >= 0 ? 1 : 0;
            all++;
        }
        end(&world);
    }
    assert_true(held > all / 2);
}

static void one_of_two_holds_it_and_keeps_it(void **state)
{
    struct world world;

    (void)state;
    begin(&world, 2, 1);
    while (step(&world) < 0) {
    }
    int holder = step(&world);
    assert_true(world.now < 200);
    while (world.now < 60000) {
        assert_int_equal(step(&world), holder);
    }
    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(world.store.lease, "spec"), "leaseTransitions")),
                     0);
    assert_string_equal(text_of(world.store.lease, "spec", "renewTime"),
                        "2026-01-31T12:00:00.000000Z");
    end(&world);
}

static void who_falls_silent_is_followed_by_the_other(void **state)
{
    struct world world;

    (void)state;
    begin(&world, 2, 2);
    while (step(&world) < 0) {
    }
    int holder = step(&world);
    world.candidates[0].rate = world.candidates[1].rate = 1;
    while (world.now < 20000) {
        assert_int_equal(step(&world), holder);
    }
    struct candidate *other = &world.candidates[1 - holder];
    while (!election_holds(other->election)) { /* the holder stands still */
        world.now += STEP_MS;
        if (other->request.is_there && !other->request.arrived) {
            arrive(&world, &other->request);
        }
        if (other->request.is_there) {
            hear(&world, other);
        }
        ask(&world, other);
    }
    assert_in_range(world.now, 20000 + 3900, 20000 + 6200);
    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(world.store.lease, "spec"), "leaseTransitions")),
                     1);
    end(&world);
}

static json_t *make_lease(const char *holder, const char *version)
{
    return json_pack("{s:{s:s, s:s}, s:{s:s*, s:i}}", "metadata", "name", "lease",
                     "resourceVersion", version, "spec", "holderIdentity", holder,
                     "leaseDurationSeconds", KUBE_LEASE_SECONDS);
}

static void step_is(struct election *election, uint64_t now, enum election_step step)
{
    uint64_t wait = 0;

    assert_int_equal(election_next(election, now, &wait), step);
}

static void reads(struct election *election, uint64_t now, const char *holder,
                  const char *version)
{
    json_t *lease = make_lease(holder, version);

    step_is(election, now, ELECTION_READ);
    election_read(election, now, lease);
    json_decref(lease);
}

/* The answer to the write takes 700 ms. */
static void wins(struct election *election, uint64_t now)
{
    json_t *lease = make_lease("me", "1");

    step_is(election, now, ELECTION_READ);
    election_read(election, now, NULL);
    step_is(election, now, ELECTION_WRITE);
    assert_true(election_is_new(election));
    election_written(election, now + 700, lease);
    assert_true(election_holds(election));
    json_decref(lease);
}

static void lost_renewals_step_down_before_another_may_take_it(void **state)
{
    struct election *election = election_create("s", "lease", "me", 1);
    uint64_t now = 1700, wait = 0, lost = 0;

    (void)state;
    wins(election, 1000);
    while (lost == 0) {
        enum election_step step = election_next(election, now, &wait);
        if (!election_holds(election)) {
            lost = now;
        }
        if (step == ELECTION_READ || step == ELECTION_WRITE) {
            election_failed(election, now, -ETIMEDOUT, "the API server does not answer");
        } else {
            assert_true(wait > 0);
            now += wait;
        }
    }
    assert_int_equal(lost, 1000 + KUBE_LEASE_GIVE_UP_MS);
    assert_true(KUBE_LEASE_GIVE_UP_MS < KUBE_LEASE_SECONDS * 1000);
    assert_string_equal(election_why(election),
                        "the lease could not be renewed in time: the API server does not "
                        "answer");
    election_destroy(election);
}

static void a_lease_that_was_given_up_is_taken_at_the_next_look(void **state)
{
    struct election *holder = election_create("s", "lease", "me", 1);
    struct election *other = election_create("s", "lease", "other", 2);
    uint64_t now = 1000, wait = 0;

    (void)state;
    wins(holder, now);
    reads(other, now, "me", "1");
    assert_int_equal(election_next(other, now, &wait), ELECTION_PAUSE);
    assert_in_range(wait, KUBE_LEASE_RENEW_MS * 4 / 5, KUBE_LEASE_RENEW_MS * 6 / 5);
    json_t *mine = make_lease("me", "1");
    json_t *released = election_release(holder, mine, 1769860800000);
    assert_null(json_object_get(json_object_get(released, "spec"), "holderIdentity"));
    assert_null(election_release(other, mine, 0));
    json_object_set_new(json_object_get(released, "metadata"), "resourceVersion",
                        json_string("2"));
    now += wait;
    step_is(other, now, ELECTION_READ);
    election_read(other, now, released);
    step_is(other, now, ELECTION_WRITE);
    assert_false(election_is_new(other));
    json_decref(mine);
    json_decref(released);
    election_destroy(holder);
    election_destroy(other);
}

static void an_old_lease_is_taken_only_after_it_was_seen_to_be_old(void **state)
{
    struct election *election = election_create("s", "lease", "me", 1);
    uint64_t now = 5000, wait = 0;

    (void)state;
    while (now < 11000) {
        reads(election, now, "dead", "7");
        assert_int_equal(election_next(election, now, &wait), ELECTION_PAUSE);
        now += wait;
    }
    assert_int_equal(now, 11000);
    reads(election, now, "dead", "7");
    step_is(election, now, ELECTION_WRITE);
    election_failed(election, now, -EBUSY, "another was faster");
    assert_null(election_trouble(election));
    now += ELECTION_BEATEN_MS;
    reads(election, now, "faster", "8");
    step_is(election, now, ELECTION_PAUSE);
    election_destroy(election);
}

static void a_holder_that_asks_for_longer_has_longer(void **state)
{
    struct election *election = election_create("s", "lease", "me", 1);
    uint64_t now = 0, wait = 0;

    (void)state;
    for (enum election_step step;
         (step = election_next(election, now, &wait)) != ELECTION_WRITE;
         now += step == ELECTION_PAUSE ? wait : 0) {
        if (step == ELECTION_READ) {
            json_t *lease = make_lease("slow", "1");
            json_object_set_new(json_object_get(lease, "spec"), "leaseDurationSeconds",
                                json_integer(15));
            election_read(election, now, lease);
            json_decref(lease);
        }
    }
    assert_int_equal(now, 15000);
    election_destroy(election);
}

static void who_finds_another_in_it_has_lost_it(void **state)
{
    struct election *election = election_create("s", "lease", "me", 1);

    (void)state;
    wins(election, 0);
    step_is(election, 2000, ELECTION_WRITE);
    election_failed(election, 2000, -EBUSY, "conflict");
    assert_true(election_holds(election));
    reads(election, 2100, "other", "5");
    assert_false(election_holds(election));
    assert_string_equal(election_why(election), "other has the lease");
    election_destroy(election);
}

static void a_deleted_lease_may_still_be_believed_in_by_who_had_it(void **state)
{
    struct election *election = election_create("s", "lease", "me", 1);
    uint64_t now = 0, wait = 0;

    (void)state;
    reads(election, now, "other", "5");
    for (enum election_step step;
         (step = election_next(election, now, &wait)) != ELECTION_WRITE;
         now += step == ELECTION_PAUSE ? wait : 0) {
        if (step == ELECTION_READ) {
            election_read(election, now, NULL);
        }
    }
    assert_int_equal(now, KUBE_LEASE_SECONDS * 1000);
    assert_true(election_is_new(election));
    election_destroy(election);
}

static void what_stands_in_a_lease_stays(void **state)
{
    struct election *election = election_create("s", "lease", "me", 1);
    json_t *lease = json_pack("{s:{s:s, s:s, s:{s:s}}, s:{s:i, s:s}}", "metadata", "name",
                              "lease", "resourceVersion", "4", "labels", "a", "b", "spec",
                              "leaseTransitions", 3, "strategy", "x");

    (void)state;
    step_is(election, 0, ELECTION_READ);
    election_read(election, 0, lease);
    step_is(election, 0, ELECTION_WRITE);
    json_t *wish = election_wish(election, 1769860800123);
    cleanup(memory_free) char *text = json_dumps(wish, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, "{\"metadata\":{\"labels\":{\"a\":\"b\"},\"name\":\"lease\","
                              "\"resourceVersion\":\"4\"},\"spec\":{\"acquireTime\":"
                              "\"2026-01-31T12:00:00.123000Z\",\"holderIdentity\":\"me\","
                              "\"leaseDurationSeconds\":6,\"leaseTransitions\":4,\"renewTime\":"
                              "\"2026-01-31T12:00:00.123000Z\",\"strategy\":\"x\"}}");
    json_decref(wish);
    json_decref(lease);
    election_destroy(election);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_two_holds_it_and_keeps_it),
        cmocka_unit_test(never_do_two_hold_it_whatever_is_late_or_lost),
        cmocka_unit_test(who_falls_silent_is_followed_by_the_other),
        cmocka_unit_test(lost_renewals_step_down_before_another_may_take_it),
        cmocka_unit_test(a_lease_that_was_given_up_is_taken_at_the_next_look),
        cmocka_unit_test(an_old_lease_is_taken_only_after_it_was_seen_to_be_old),
        cmocka_unit_test(a_holder_that_asks_for_longer_has_longer),
        cmocka_unit_test(who_finds_another_in_it_has_lost_it),
        cmocka_unit_test(a_deleted_lease_may_still_be_believed_in_by_who_had_it),
        cmocka_unit_test(what_stands_in_a_lease_stays),
    };

    return cmocka_run_group_tests_name("kube election", tests, NULL, NULL);
}
