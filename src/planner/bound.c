/* What no plan can beat, by three arguments.
 *
 * Work: give every device a price per core. Whatever the plan, each frame's work costs at least
 * the sum over atoms of the cheapest price x time, and the devices offer no more than the sum
 * of price x cores; so the rate is at most their ratio, for any prices (weak duality of the
 * linear program that spreads the work freely). Good prices are found by multiplicative
 * updates. Instances: what cannot be replicated runs one frame at a time. Link: every frame
 * begins on the device of the only source, and either is finished there or leaves over its
 * link.
 */
#include <math.h>
#include <string.h>

#include "planner/problem.h"
#include "planner/search.h"

enum { ROUNDS = 200, LINK_PRICES = 32 };

struct market {
    const struct planner_problem *problem;
    size_t n;                           /* kinds: devices that are alike share a price */
    size_t kind[PLANNER_DEVICES_MAX];   /* one device of each */
    double cores[PLANNER_DEVICES_MAX];  /* of all devices of the kind */
    double price[PLANNER_DEVICES_MAX];  /* per core */
    double bought[PLANNER_DEVICES_MAX]; /* core seconds per frame */
};

static double atom_time(const struct planner_problem *problem, size_t device, size_t atom)
{
    if (!problem_allowed(problem, device, atom, atom + 1)) {
        return INFINITY;
    }
    return problem->atom_least[problem->device_type[device] * problem->n_atoms + atom];
}

static void market_open(struct market *market, size_t n_devices)
{
    const struct planner_problem *problem = market->problem;

    for (size_t device = 0; device < n_devices; device++) {
        size_t i = 0;

        while (i < market->n && !problem_alike(problem, market->kind[i], device)) {
            i++;
        }
        if (i == market->n) {
            double work = 0;

            for (size_t atom = 0; atom < problem->n_atoms; atom++) {
                double time = atom_time(problem, device, atom);

                work += isfinite(time) ? time : 0;
            }
            market->kind[i] = device;
            market->price[i] = 1 / fmax(work, 1e-12);
            market->n++;
        }
        market->cores[i] += problem->devices[device].cores;
    }
}

/* Buys one frame's work where it is cheapest; returns what it costs. */
static double market_buy(struct market *market)
{
    double cost = 0;

    memset(market->bought, 0, market->n * sizeof(market->bought[0]));
    for (size_t atom = 0; atom < market->problem->n_atoms; atom++) {
        double least = INFINITY, time_least = 0;
        size_t where = 0;

        for (size_t i = 0; i < market->n; i++) {
            double time = atom_time(market->problem, market->kind[i], atom);

            if (time * market->price[i] < least) {
                least = time * market->price[i];
                time_least = time;
                where = i;
            }
        }
        cost += isfinite(least) ? least : 0;
        market->bought[where] += time_least;
    }
    return cost;
}

static double bound_work(const struct planner_problem *problem, size_t n_devices)
{
    struct market market = {.problem = problem};
    double best = INFINITY;

    market_open(&market, n_devices);
    for (unsigned round = 0; round < ROUNDS; round++) {
        double cost = market_buy(&market), offer = 0;

        for (size_t i = 0; i < market.n; i++) {
            offer += market.price[i] * market.cores[i];
        }
        best = cost > 0 ? fmin(best, offer / cost) : best;
        for (size_t i = 0; i < market.n && market.n > 1 && cost > 0; i++) {
            double asked = market.price[i] * market.bought[i] / cost;
            double given = market.price[i] * market.cores[i] / offer;

            market.price[i] *= exp((asked - given) / sqrt(1 + round));
        }
    }
    return best;
}

static double bound_instances(const struct planner_problem *problem, size_t n_devices)
{
    double bound = INFINITY;

    for (size_t atom = 0; atom < problem->n_atoms; atom++) {
        double fastest = 0;

        for (size_t device = 0; device < n_devices; device++) {
            double time = atom_time(problem, device, atom);

            fastest = fmax(fastest, fmin(1, problem->devices[device].cores) / time);
        }
        if (!problem->atoms[atom].replicable || problem->replicas < 2) {
            bound = fmin(bound, fastest);
        }
    }
    return bound;
}

/* Whether all frames begin at atom 0: every other atom reads a flow. */
static bool only_source(const struct planner_problem *problem)
{
    bool fed[PLANNER_ATOMS_MAX] = {0};

    for (size_t i = 0; i < problem->n_flows; i++) {
        for (size_t j = 0; j < problem->flows[i].n_to; j++) {
            fed[problem->flows[i].to[j]] = true;
        }
    }
    for (size_t atom = 1; atom < problem->n_atoms; atom++) {
        if (!fed[atom]) {
            return false;
        }
    }
    return !problem->atoms[0].replicable;
}

/* Bytes that must reach an atom from before it. */
static void count_inflow(const struct planner_problem *problem, double *ret_bytes)
{
    for (size_t i = 0; i < problem->n_flows; i++) {
        for (size_t j = 0; j < problem->flows[i].n_to; j++) {
            ret_bytes[problem->flows[i].to[j]] += (double)problem->flows[i].size;
        }
    }
}

/* The most frames/s that can begin on one device. A frame leaves before some atom, after the
 * CPU time of those before it, with that atom's input; or it stays to the end. With a price on
 * CPU and one on the link each frame costs at least the cheapest way out, for any prices. */
static double bound_home(const struct planner_problem *problem, size_t device,
                         const double *inflow)
{
    const struct planner_device *home = &problem->devices[device];
    double best = INFINITY;

    if (home->link_rate <= 0) {
        return INFINITY;
    }
    for (unsigned step = 0; step <= LINK_PRICES; step++) {
        double price = step / (double)LINK_PRICES, time = 0, least = INFINITY;

        for (size_t atom = 0; atom < problem->n_atoms; atom++) {
            time += atom_time(problem, device, atom);
            double bytes = atom + 1 < problem->n_atoms ? inflow[atom + 1] : 0;

            least =
                fmin(least, (1 - price) * time / home->cores + price * bytes / home->link_rate);
        }
        best = least > 0 ? fmin(best, 1 / least) : best;
    }
    return best;
}

static double bound_link(const struct planner_problem *problem, size_t n_devices)
{
    double inflow[PLANNER_ATOMS_MAX] = {0}, bound = 0;

    if (!only_source(problem)) {
        return INFINITY;
    }
    count_inflow(problem, inflow);
    for (size_t device = 0; device < n_devices; device++) {
        bool seen = false;

        for (size_t other = 0; other < device && !seen; other++) {
            seen = problem_alike(problem, other, device);
        }
        if (!seen && problem_allowed(problem, device, 0, 1)) {
            bound = fmax(bound, bound_home(problem, device, inflow));
        }
    }
    return bound;
}

double search_bound(const struct planner_problem *problem, size_t n_devices)
{
    double bound = problem->demand > 0 ? problem->demand : 1e9;

    bound = fmin(bound, bound_work(problem, n_devices));
    bound = fmin(bound, bound_instances(problem, n_devices));
    return fmin(bound, bound_link(problem, n_devices));
}
