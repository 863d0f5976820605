/* The operators that are part of the program: one file each. */
#ifndef OPERATOR_BUILTIN_H
#define OPERATOR_BUILTIN_H

#include <brume/operator.h>

extern const struct brume_operator builtin_average;
extern const struct brume_operator builtin_classify;
extern const struct brume_operator builtin_console;
extern const struct brume_operator builtin_count;
extern const struct brume_operator builtin_csv_source;
extern const struct brume_operator builtin_draw;
extern const struct brume_operator builtin_filter;
extern const struct brume_operator builtin_image_source;
extern const struct brume_operator builtin_json_sink;
extern const struct brume_operator builtin_letterbox;
extern const struct brume_operator builtin_merge;
extern const struct brume_operator builtin_model;
extern const struct brume_operator builtin_noise_source;
extern const struct brume_operator builtin_null_sink;
extern const struct brume_operator builtin_pack;
extern const struct brume_operator builtin_parse;
extern const struct brume_operator builtin_resize;
extern const struct brume_operator builtin_sensor_source;
extern const struct brume_operator builtin_ssd;
extern const struct brume_operator builtin_threshold;
extern const struct brume_operator builtin_unpack;
extern const struct brume_operator builtin_window;
extern const struct brume_operator builtin_yolo;

#endif
