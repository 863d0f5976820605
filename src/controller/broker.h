/* A private MQTT broker (Mosquitto) beside the controller, for applications whose manifest says
 * `broker: embedded`: on an address that only the application's devices reach, gone with the
 * run, started again at the same address when it dies. What it holds for sessions that come
 * back is in `folder`, and so is its port: the next run that has the folder takes the same one,
 * unless somebody else has it by then.
 */
#ifndef CONTROLLER_BROKER_H
#define CONTROLLER_BROKER_H

#include <uv.h>

struct broker;
struct deployment;
struct error;

struct broker_setup {
    uv_loop_t *loop;
    const char *host;   /* numeric: where it listens */
    const char *folder; /* for its configuration and its sessions; absolute; NULL: there is
                           none, and so no broker (-ENOTSUP) */
};

/* Starts a broker if an operator of the deployment asks for one, and names its address there;
 * *ret_broker is NULL when none does. -ENOENT: there is no Mosquitto on this machine. */
int broker_start(const struct broker_setup *setup, struct deployment *deployment,
                 struct broker **ret_broker, struct error *err);
const char *broker_address(const struct broker *broker); /* host:port */
void broker_stop(struct broker *broker);                 /* accepts NULL */

#endif
