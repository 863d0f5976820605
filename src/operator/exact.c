#include "operator/exact.h"

#include <stdlib.h>

/* a + b = sum + what is returned, exactly (Knuth). */
static double two_sum(double a, double b, double *ret_sum)
{
    double sum = a + b;
    double b_part = sum - a;
    double a_part = sum - b_part;

    *ret_sum = sum;
    return (a - a_part) + (b - b_part);
}

static void append(struct exact *sum, double part)
{
    if (sum->n == sum->room) {
        sum->room = sum->room == 0 ? 4 : 2 * sum->room;
        sum->parts = reallocarray(sum->parts, sum->room, sizeof(*sum->parts));
        if (sum->parts == NULL) {
            abort();
        }
    }
    sum->parts[sum->n++] = part;
}

void exact_add(struct exact *sum, double number)
{
    size_t n = 0;

    for (size_t i = 0; i < sum->n; i++) {
        double rest = two_sum(number, sum->parts[i], &number);

        if (rest != 0) {
            sum->parts[n++] = rest;
        }
    }
    sum->n = n;
    if (number != 0) {
        append(sum, number);
    }
}

/* Adds from the greatest part on, until one is rounded; when it lies half-way between two
 * doubles, the next part says which is nearer. */
double exact_total(const struct exact *sum)
{
    size_t n = sum->n;
    double total = n > 0 ? sum->parts[--n] : 0;
    double rest = 0;

    while (n > 0 && rest == 0) {
        rest = two_sum(total, sum->parts[--n], &total);
    }
    if (n > 0 && rest != 0 && (rest < 0) == (sum->parts[n - 1] < 0)) {
        double twice = 2 * rest;
        double other = total + twice;

        if (other - total == twice) {
            total = other;
        }
    }
    return total;
}

void exact_save(const struct exact *sum, struct keep *keep)
{
    keep_u64(keep, sum->n);
    for (size_t i = 0; i < sum->n; i++) {
        keep_f64(keep, sum->parts[i]);
    }
}

void exact_restore(struct exact *sum, struct kept *kept)
{
    size_t n = kept_count(kept, EXACT_PARTS_MAX, 8);

    for (size_t i = 0; i < n; i++) {
        append(sum, kept_f64(kept));
    }
}

void exact_finish(struct exact *sum)
{
    free(sum->parts);
    *sum = (struct exact){0};
}
