/* Applications as objects of the cluster that KUBECONFIG names (kube/config.h): a controller
 * there runs them. This is a source (source.h), of files
 *
 *     objects.c             opens it; what there is
 *     objects_ask.c         a question to the API server, and its refusal
 *     objects_apply.c       creates an object, or changes it
 *     objects_watch.c       what becomes of them
 *     objects_remove.c      until they are gone
 *     objects_log.c         what their stages write, and events; objects_stream.c follows it
 *     objects_load.c        what nodes and pods use
 *
 * and, pure, objects_status.c, objects_manifest.c, objects_lines.c, objects_refusal.c.
 */
#ifndef CLI_OBJECTS_H
#define CLI_OBJECTS_H

struct source;

/* `space` NULL: the namespace of the context. */
int objects_open(const char *space, struct source **ret_source);

#endif
