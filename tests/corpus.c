/* Drives a fuzz target without a fuzzer: each file of its corpus, each file cut short, each
 * file with bytes changed as a fixed seed says. The same every time, on every compiler; what it
 * finds a sanitizer or a crash tells. The long runs are `make fuzz`.
 *
 *     wire_message_corpus tests/data/fuzz/wire_message
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

enum { CUTS = 200, CHANGES = 400, SIZE_MAX_FILE = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In memory of exactly its size, so that a sanitizer sees one byte too far. */
static void try_bytes(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);

    if (copy == NULL) {
        abort();
    }
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static uint32_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static void try_changes(uint8_t *bytes, size_t size)
{
    static const uint8_t edges[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    uint64_t state = size;

    for (int i = 0; i < CHANGES; i++) {
        size_t at = next(&state) % size;
        uint8_t was = bytes[at];

        if (i % 2 == 0) {
            bytes[at] = edges[next(&state) % sizeof(edges)];
        } else {
            bytes[at] = (uint8_t)(was ^ (1u << next(&state) % 8));
        }
        try_bytes(bytes, size);
        bytes[at] = was;
    }
}

static int try_file(const char *path)
{
    cleanup(memory_free) void *bytes = NULL;
    struct error err;
    size_t size;

    if (file_read(path, SIZE_MAX_FILE, &bytes, &size, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    try_bytes(bytes, size);
    for (size_t end = 0; end < size; end += size / CUTS + 1) {
        try_bytes(bytes, end);
    }
    if (size > 0) {
        try_changes(bytes, size);
    }
    return 0;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    int failed = 0, n = 0;
    struct dirent *entry;

    if (folder == NULL) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 64;
    }
    while ((entry = readdir(folder)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        cleanup(memory_free) char *path = memory_format("%s/%s", argv[1], entry->d_name);

        if (entry->d_name[0] != '.') {
            failed += try_file(path);
            n++;
        }
    }
    closedir(folder);
    return failed > 0 || n == 0;
}
