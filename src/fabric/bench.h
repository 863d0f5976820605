/* A bench for the tests of fabrics: a loop, a fabric on it, and a record of what it said. */
#ifndef FABRIC_BENCH_H
#define FABRIC_BENCH_H

#include <uv.h>

#include "base/test.h"
#include "fabric/fabric.h"

enum { BENCH_DEVICES = 2 };

struct bench {
    const char *kind; /* of fabric */
    bool emulated;
    uv_loop_t loop;
    struct fabric *fabric;
    unsigned n_done, n_gone, n_seen;
    char gone[64], how[128]; /* the last stage that went by itself */
    bool starved;
    bool may_fail;     /* what is asked for */
    char trouble[248]; /* why it failed; "" */
    char noted[248];   /* the last word that came while it ran */
    unsigned n_noted;
    char lost[64], why[248]; /* the last device that cannot be used any more; "": it can */
    unsigned n_changed;
    /* Of the stages that are started. */
    const char *image;
    unsigned life;
    double cores;
    uint64_t memory;
    size_t n_mounts;
    const struct fabric_mount *mounts;
    char seen[64], device[64]; /* the last one that was listed */
    uv_tcp_t door;             /* where stages call in */
    char controller[64];       /* its address */
    char heard[256];           /* what they said */
    size_t n_heard;
};

/* Opens `kind`; limits and a network only when `emulated`. */
struct bench *bench_open(const char *kind, bool emulated);
void bench_close(struct bench *bench);
/* The same in two steps, for a fabric on something that needs the loop, too: of `config` loop,
 * program and events are the bench's. */
struct bench *bench_begin(const char *kind);
void bench_open_on(struct bench *bench, const struct fabric_config *config);

/* How the fabric calls what the stories call "device-1". */
const char *bench_device(const struct bench *bench, const char *alias);

/* Makes images of this program at the container engine, and says so in BRUME_IMAGES. */
#define BENCH_IMAGES "brume-test/stage"
void bench_make_images(void);

/* Of a cluster: the namespace for all benches; see bench_cluster.h. */
extern const char *bench_space;

/* What a stage started by these tests does: the token is its script.
 *   "wait"  says its name and token to the controller, then waits
 *   "fail"  ends with 70
 *   "crash" says so to the controller, then does what is not allowed
 *   "eat"   takes memory until it is killed
 *   "burn"  uses 200 ms of CPU time, then says so to the controller and waits */
int bench_stage(int argc, char **argv);

int bench_start(struct bench *bench, const char *stage, const char *device, const char *token);
void bench_stop(struct bench *bench, const char *stage);
void bench_abandon(struct bench *bench, const char *stage);
void bench_list(struct bench *bench);

/* Turns the loop until *counter is `value`. */
void bench_until(struct bench *bench, const unsigned *counter, unsigned value);
void bench_until_heard(struct bench *bench, const char *text);

#endif
