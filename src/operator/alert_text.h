/* The words of an alert: a text with {type}, {value}, {time} and {device} in it. Pure. */
#ifndef OPERATOR_ALERT_TEXT_H
#define OPERATOR_ALERT_TEXT_H

#include <stddef.h>

struct error;

enum { ALERT_TEXT_MAX = 2000 };

struct alert_reading {
    const char *type, *device, *time;
    double value;
};

/* 0, or -EINVAL and what is wrong with the text. */
int alert_text_check(const char *text, struct error *err);

/* Fills in a checked text; what is too long is cut. */
void alert_text_fill(const char *text, const struct alert_reading *reading, size_t size,
                     char *ret_text);

#endif
