#include "operator/mqtt_lookup.h"

#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/memory.h"

/* Shared by who asks and the thread that waits; the last one frees it. */
struct mqtt_lookup {
    int refs;
    int answered;
    int code;
    char *host;
};

void mqtt_lookup_drop(struct mqtt_lookup *lookup)
{
    if (lookup != NULL && __atomic_sub_fetch(&lookup->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        free(lookup->host);
        free(lookup);
    }
}

static void *ask(void *argument)
{
    struct mqtt_lookup *lookup = argument;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;

    lookup->code = getaddrinfo(lookup->host, NULL, &hints, &found);
    if (found != NULL) {
        freeaddrinfo(found);
    }
    __atomic_store_n(&lookup->answered, 1, __ATOMIC_RELEASE);
    mqtt_lookup_drop(lookup);
    return NULL;
}

struct mqtt_lookup *mqtt_lookup_start(const char *host)
{
    struct mqtt_lookup *lookup = memory_new(1, sizeof(*lookup));
    pthread_attr_t attributes;
    pthread_t thread;

    lookup->refs = 2;
    lookup->host = memory_text(host);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attributes, ask, lookup) != 0) {
        lookup->refs = 1;
        lookup->code = EAI_AGAIN;
        lookup->answered = 1;
    }
    pthread_attr_destroy(&attributes);
    return lookup;
}

bool mqtt_lookup_answered(const struct mqtt_lookup *lookup, int *ret_code)
{
    if (__atomic_load_n(&lookup->answered, __ATOMIC_ACQUIRE) == 0) {
        return false;
    }
    *ret_code = lookup->code;
    return true;
}
