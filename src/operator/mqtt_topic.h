/* MQTT topics: lists of them, and templates in which {type}, {device} and {topic} stand for
 * what a message is about. */
#ifndef OPERATOR_MQTT_TOPIC_H
#define OPERATOR_MQTT_TOPIC_H

#include <stddef.h>

struct error;

/* What the words of a template stand for; of the texts only `size` bytes count. */
struct mqtt_word {
    size_t size;
    const char *text;
};
struct mqtt_about {
    struct mqtt_word type, device, topic;
};

/* Splits "a/#, b/+/c" at the commas; the list and its texts are malloc'ed. */
char **mqtt_topic_split(const char *list, size_t *ret_n);
void mqtt_topic_free(size_t n, char **topics);

/* -EINVAL for a word that is none, or a brace without its other. */
int mqtt_topic_check(const char *template, struct error *err);

/* Fills in a template that was checked; malloc'ed. What a topic may not have (+, #, control
 * characters) becomes _, so does an empty word; and a / in type or device, since a word is one
 * level. A topic keeps its levels. */
char *mqtt_topic_fill(const char *template, const struct mqtt_about *about);

#endif
