#include "operator/mqtt_topic.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

char **mqtt_topic_split(const char *list, size_t *ret_n)
{
    char **topics = NULL;
    size_t n = 0;

    while (*list != '\0') {
        size_t length = strcspn(list, ",");
        size_t skip = strspn(list, " ");
        size_t size = skip < length ? length - skip : 0;

        while (size > 0 && list[skip + size - 1] == ' ') {
            size--;
        }
        if (size > 0) {
            topics = memory_grow(topics, n, sizeof(*topics));
            topics[n++] = memory_format("%.*s", (int)size, list + skip);
        }
        list += length + (list[length] == ',');
    }
    *ret_n = n;
    return topics;
}

void mqtt_topic_free(size_t n, char **topics)
{
    for (size_t i = 0; i < n; i++) {
        free(topics[i]);
    }
    free(topics);
}

static const char *const words[] = {"type", "device", "topic"};
enum { N_WORDS = sizeof(words) / sizeof(*words), TOPIC_WORD = 2 };

/* The word that begins at a '{'; `ret_size` gets its length with the braces. */
static int find_word(const char *at, size_t *ret_size)
{
    for (size_t i = 0; i < N_WORDS; i++) {
        size_t size = strlen(words[i]);

        if (strncmp(at + 1, words[i], size) == 0 && at[1 + size] == '}') {
            *ret_size = size + 2;
            return (int)i;
        }
    }
    return -1;
}

int mqtt_topic_check(const char *template, struct error *err)
{
    if (*template == '\0') {
        return error_set(err, -EINVAL, "an empty topic");
    }
    while (*template != '\0') {
        size_t size = 1;

        if (strchr("+#}", *template) != NULL) {
            return error_set(err, -EINVAL, "a '%c' has no place in a topic to publish to",
                             *template);
        }
        if (*template == '{' && find_word(template, &size) < 0) {
            return error_set(err, -EINVAL,
                             "'%s' begins with none of {type}, {device} and {topic}", template);
        }
        template += size;
    }
    return 0;
}

static char *put_word(char *to, const struct mqtt_word *word, bool levels)
{
    for (size_t i = 0; i < word->size; i++) {
        char letter = word->text[i];
        bool bad = (unsigned char)letter < ' ' || letter == 0x7F || letter == '+' ||
                   letter == '#' || (letter == '/' && !levels);

        if (bad) {
            letter = '_';
        }
        *to++ = letter;
    }
    if (word->size == 0) {
        *to++ = '_';
    }
    return to;
}

char *mqtt_topic_fill(const char *template, const struct mqtt_about *about)
{
    const struct mqtt_word *const texts[] = {&about->type, &about->device, &about->topic};
    size_t longest = about->type.size + about->device.size + about->topic.size + 1;
    size_t n_words = 1;

    for (const char *at = template; *at != '\0'; at++) {
        n_words += *at == '{';
    }
    char *topic = memory_new(strlen(template) + n_words * longest + 1, 1);
    char *to = topic;
    while (*template != '\0') {
        size_t size = 1;
        int word = *template == '{' ? find_word(template, &size) : -1;

        if (word >= 0) {
            to = put_word(to, texts[word], word == TOPIC_WORD);
        } else {
            *to++ = *template;
        }
        template += size;
    }
    return topic;
}
