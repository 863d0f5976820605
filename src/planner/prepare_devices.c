/* Devices, their types, and which atoms each of them may run. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "planner/prepare.h"

/* A small core's share of what the kernel and the loop do for a frame; the profile of the
 * network would be better, and the input may say so. */
static const struct planner_constants defaults = {
    .send_frame = 40e-6,
    .receive_frame = 40e-6,
    .send_byte = 0.4e-9,
    .receive_byte = 0.9e-9,
};

static double or_default(double value, double fallback)
{
    return value > 0 ? value : fallback;
}

static int type_number(struct planner_problem *problem, const struct planner_input *input,
                       const char *name, unsigned *ret_number, struct error *err)
{
    const struct planner_constants *constants = &input->constants;
    unsigned i = 0;

    while (i < problem->n_types && strcmp(problem->types[i].name, name) != 0) {
        i++;
    }
    *ret_number = i;
    if (i < problem->n_types) {
        return 0;
    }
    if (i == PLANNER_TYPES_MAX) {
        return error_set(err, -E2BIG, "more than %d types of devices", PLANNER_TYPES_MAX);
    }
    problem->types = memory_grow(problem->types, i, sizeof(*problem->types));
    problem->types[problem->n_types++] = (struct planner_type){
        .name = memory_text(name),
        .send_frame = or_default(constants->send_frame, defaults.send_frame),
        .receive_frame = or_default(constants->receive_frame, defaults.receive_frame),
        .send_byte = or_default(constants->send_byte, defaults.send_byte),
        .receive_byte = or_default(constants->receive_byte, defaults.receive_byte),
        .packing = 1,
    };
    return 0;
}

static int add_devices(struct prepare *prepare, struct error *err)
{
    const struct planner_input *input = prepare->input;
    struct planner_problem *problem = prepare->problem;

    if (input->n_devices == 0) {
        return error_set(err, -ENODEV, "there is no device to run on");
    }
    if (input->n_devices > PLANNER_DEVICES_MAX) {
        return error_set(err, -E2BIG,
                         "%zu devices are more than the %d that can be planned for",
                         input->n_devices, PLANNER_DEVICES_MAX);
    }
    problem->devices = memory_new(input->n_devices, sizeof(*problem->devices));
    problem->device_type = memory_new(input->n_devices, sizeof(*problem->device_type));
    for (size_t i = 0; i < input->n_devices; i++) {
        const struct planner_device *device = &input->devices[i];
        int r = type_number(problem, input, device->type, &problem->device_type[i], err);

        if (r < 0) {
            return r;
        }
        if (!(device->cores > 0)) {
            return error_set(err, -EINVAL, "device '%s' has no CPU to give: %g cores",
                             device->name, device->cores);
        }
        problem->devices[i] = *device;
        problem->devices[i].name = memory_text(device->name);
        problem->devices[i].type = problem->types[problem->device_type[i]].name;
        problem->devices[i].n_has = 0;
        problem->devices[i].has = NULL;
        problem->n_devices++;
    }
    for (size_t i = 0; i < problem->n_devices; i++) {
        problem->devices[i].type = problem->types[problem->device_type[i]].name;
    }
    return 0;
}

static bool has_all(const struct planner_device *device, const struct graph_operator *operator)
{
    for (size_t i = 0; i < operator->n_has; i++) {
        bool found = false;

        for (size_t j = 0; j < device->n_has && !found; j++) {
            found = strcmp(device->has[j], operator->has[i]) == 0;
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

/* Of "detect" or, where it is said where models are cut, "detect#1": the operator and its part.
 */
struct place_name {
    size_t operator; /* of the graph; n_operators: there is none */
    bool part;
    unsigned long index;
};

static struct place_name read_place(const struct graph *graph, const char *text)
{
    size_t length = strcspn(text, "#"),
           digits = strspn(text + length + (text[length] == '#'), "0123456789");
    struct place_name name = {.part = text[length] == '#'};

    if (name.part && digits > 0 && text[length + 1 + digits] == '\0') {
        name.index = strtoul(text + length + 1, NULL, 10);
    } else if (name.part) {
        name.index = ULONG_MAX;
    }
    while (name.operator < graph->n_operators &&
           (strlen(graph->operators[name.operator].name) != length ||
            strncmp(graph->operators[name.operator].name, text, length) != 0)) {
        name.operator++;
    }
    return name;
}

static bool has_part(const struct prepare *prepare, const struct place_name *name)
{
    const struct planner_input *input = prepare->input;
    unsigned n_parts =
        prepare->first_atom[name->operator + 1] - prepare->first_atom[name->operator];

    return (input->cut_pinned || input->graph->operators[name->operator].cut_pinned) &&
           input->operators[name->operator].model != NULL && name->index < n_parts;
}

static int check_place(const struct prepare *prepare, const struct planner_place *place,
                       struct error *err)
{
    const struct planner_input *input = prepare->input;
    const struct place_name name = read_place(input->graph, place->operator);
    bool device_found = false;

    for (size_t i = 0; i < input->n_devices; i++) {
        device_found |= strcmp(input->devices[i].name, place->device) == 0;
    }
    if (name.operator== input->graph->n_operators) {
        return error_set(err, -EINVAL, "%s=%s: there is no operator '%s'", place->operator,
                         place->device, place->operator);
    }
    if (name.part && !has_part(prepare, &name)) {
        return error_set(err, -EINVAL,
                         "%s=%s: there is no such part; where cuts are given, the parts of a "
                         "model are counted from #0",
                         place->operator, place->device);
    }
    if (!device_found) {
        return error_set(err, -EINVAL, "%s=%s: there is no device '%s'", place->operator,
                         place->device, place->device);
    }
    return 0;
}

/* The device that an atom is pinned to by option or manifest, or NULL. */
static const char *pinned_to(const struct prepare *prepare, size_t operator, unsigned atom)
{
    const struct planner_input *input = prepare->input;

    for (size_t i = 0; i < input->n_places; i++) {
        const struct place_name name = read_place(input->graph, input->places[i].operator);

        if (name.operator == operator &&
            (!name.part || name.index == atom - prepare->first_atom[operator])) {
            return input->places[i].device;
        }
    }
    return input->graph->operators[operator].device;
}

static int allow_atom(struct prepare *prepare, size_t operator, unsigned atom,
                      struct error *err)
{
    const struct planner_input *input = prepare->input;
    const struct graph_operator *what = &input->graph->operators[operator];
    const char *device = pinned_to(prepare, operator, atom);
    bool anywhere = false, named = device == NULL;

    for (size_t i = 0; i < input->n_devices; i++) {
        bool here = device == NULL || strcmp(device, input->devices[i].name) == 0;

        named |= here;
        here = here && has_all(&input->devices[i], what);
        anywhere |= here;
        prepare->problem->allowed[atom * input->n_devices + i] = here;
    }
    if (!named) {
        return error_set(err, -ENODEV,
                         "%s:%u: operator '%s' is to run on '%s', and there is no "
                         "such device",
                         input->graph->file, what->place.line, what->name, device);
    }
    if (!anywhere) {
        return error_set(err, -ENODEV,
                         "%s:%u: no device that operator '%s' may run on has '%s'",
                         input->graph->file, what->place.line, what->name, what->has[0]);
    }
    return 0;
}

int prepare_devices(struct prepare *prepare, struct error *err)
{
    const struct planner_input *input = prepare->input;
    int r = add_devices(prepare, err);

    for (size_t i = 0; r == 0 && i < input->n_places; i++) {
        r = check_place(prepare, &input->places[i], err);
    }
    if (r < 0) {
        return r;
    }
    prepare->problem->allowed =
        memory_new(prepare->problem->n_atoms * input->n_devices, sizeof(bool));
    for (size_t i = 0; i < input->graph->n_operators; i++) {
        for (unsigned atom = prepare->first_atom[i];
             r == 0 && atom < prepare->first_atom[i + 1]; atom++) {
            r = allow_atom(prepare, i, atom, err);
        }
    }
    return r;
}
