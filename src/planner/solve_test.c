/* The solver against all plans of small problems, and its promises over many large ones. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/test.h"
#include "planner/layout.h"
#include "planner/planner.h"
#include "planner/problem.h"
#include "planner/sample.h"

/* Every way to divide the atoms into intervals, and to put each on any set of devices. */
struct enumeration {
    struct layout_weight weight;
    struct layout layout;
    double best;
};

/* NOLINTNEXTLINE(misc-no-recursion): as deep as there are groups */
static void enumerate_places(struct enumeration *all, unsigned group)
{
    unsigned sets = 1U << all->weight.n_devices;

    if (group == all->layout.n_groups) {
        if (layout_weigh(&all->weight, &all->layout)) {
            all->best = fmax(all->best, layout_rate(&all->weight, &all->layout, 0));
        }
        return;
    }
    for (unsigned set = 1; set < sets; set++) {
        struct layout saved = all->layout;
        bool team = (set & (set - 1)) != 0, free = true;

        all->layout.groups[group].single = (int16_t)(team ? LAYOUT_TEAM : __builtin_ctz(set));
        for (size_t device = 0; team && device < all->weight.n_devices; device++) {
            if (set >> device & 1) {
                free = free && all->layout.team[device] < 0;
                all->layout.team[device] = (int16_t)group;
            }
        }
        if (free) {
            enumerate_places(all, group + 1);
        }
        all->layout = saved;
    }
}

static double best_of_all(const struct planner_problem *problem)
{
    cleanup(memory_free) struct enumeration *all = memory_new(1, sizeof(*all));
    unsigned n = (unsigned)problem->n_atoms;

    all->weight.problem = problem;
    all->weight.n_devices = problem->n_devices;
    for (unsigned cuts = 0; cuts < (1U << n) / 2; cuts++) {
        unsigned from = 0;

        memset(all->layout.team, LAYOUT_NONE, sizeof(all->layout.team));
        all->layout.n_groups = 0;
        for (unsigned at = 1; at <= n; at++) {
            if (at == n || (cuts >> (at - 1) & 1)) {
                all->layout.groups[all->layout.n_groups++] =
                    (struct layout_group){.from = (uint16_t)from, .to = (uint16_t)at};
                from = at;
            }
        }
        enumerate_places(all, 0);
    }
    return all->best;
}

static double solved_rate(const struct planner_problem *problem, double *ret_bound)
{
    cleanup(plan_destroyp) struct plan *plan = NULL;
    struct error err = {0};
    int r = planner_solve(problem, &plan, &err);

    if (r != 0) {
        assert_true(r == -ENODEV);
        assert_true(err.text[0] != '\0');
        *ret_bound = INFINITY;
        return 0;
    }
    *ret_bound = plan->bound;
    return plan->rate;
}

static void compare_with_all(const struct sample *sample, unsigned from, unsigned to)
{
    for (unsigned seed = from; seed < to; seed++) {
        cleanup(planner_problem_destroyp) struct planner_problem *problem =
            sample_problem(sample, seed);
        double bound = 0, rate = solved_rate(problem, &bound), best = best_of_all(problem);

        if (rate < best * 0.9849 || rate > best * (1 + 1e-5) || bound < best * (1 - 1e-5)) {
            fail_msg("seed %u: %g/s, bound %g/s, but the best plan has %g/s", seed, rate, bound,
                     best);
        }
    }
}

static void no_plan_of_a_small_problem_is_better(void **state)
{
    (void)state;
    struct sample two = {.n_atoms = 6,
                         .n_devices = 2,
                         .n_types = 2,
                         .replicas = 64,
                         .limits = true,
                         .skips = true};
    struct sample three = {.n_atoms = 4,
                           .n_devices = 3,
                           .n_types = 2,
                           .replicas = 64,
                           .limits = true,
                           .skips = true};
    struct sample equal = {.n_atoms = 4, .n_devices = 3, .n_types = 1, .replicas = 64};

    compare_with_all(&two, 0, 80);
    compare_with_all(&three, 0, 80);
    compare_with_all(&equal, 0, 50);
}

static void no_chain_of_a_small_problem_is_better_without_replicas(void **state)
{
    (void)state;
    struct sample two = {.n_atoms = 7,
                         .n_devices = 2,
                         .n_types = 2,
                         .replicas = 1,
                         .limits = true,
                         .skips = true};
    struct sample three = {.n_atoms = 5,
                           .n_devices = 3,
                           .n_types = 3,
                           .replicas = 1,
                           .limits = true,
                           .skips = true};

    compare_with_all(&two, 0, 100);
    compare_with_all(&three, 0, 100);
}

/* The same problem with its first n devices only. */
static double rate_of_first(struct planner_problem *problem, size_t n)
{
    size_t all = problem->n_devices;
    double bound = 0;

    problem->n_devices = n;
    double rate = solved_rate(problem, &bound);

    problem->n_devices = all;
    assert_true(bound >= rate * (1 - 1e-9));
    return rate;
}

static void one_more_device_never_makes_a_plan_slower(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 24; seed++) {
        struct sample sample = {.n_atoms = 4 + seed % 16,
                                .n_devices = 9,
                                .n_types = 1 + seed % 3,
                                .replicas = seed % 4 == 0 ? 1 : 64,
                                .limits = seed % 2 == 0,
                                .skips = seed % 3 == 0};
        cleanup(planner_problem_destroyp) struct planner_problem *problem =
            sample_problem(&sample, seed);
        double before = 0;

        for (size_t n = 1; n <= problem->n_devices; n++) {
            double rate = rate_of_first(problem, n);

            if (rate < before * (1 - 1e-7)) {
                fail_msg("seed %u: %zu devices reach %g/s, one less %g/s", seed, n, rate,
                         before);
            }
            before = rate;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_plan_of_a_small_problem_is_better),
        cmocka_unit_test(no_chain_of_a_small_problem_is_better_without_replicas),
        cmocka_unit_test(one_more_device_never_makes_a_plan_slower),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
