/* Where stages in pods reach the controller. */
#ifndef FABRIC_KUBERNETES_ADDRESS_H
#define FABRIC_KUBERNETES_ADDRESS_H

struct error;
struct kube_api;

/* $BRUME_ADDRESS, else the address of this machine (or pod) on the way to the API server, which
 * the nodes reach, too. Numeric, malloc'ed. -EINVAL: it is no address of this machine's. */
int kubernetes_find_address(struct kube_api *api, char **ret_address, struct error *err);

#endif
