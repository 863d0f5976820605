#include "operator/mqtt_setup.h"

#include <errno.h>
#include <mqtt_protocol.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/quantity.h"

enum {
    PASSWORD_MAX = 65536,
    CLIENT_MAX = 128, /* it stands before what is looked for in the library's log */
    PORT = 1883,
    PORT_TLS = 8883,
};

/* "host", "host:port", "[address]:port" */
static int read_broker(struct brume_call *call, struct mqtt_setup *setup)
{
    const char *text = setup->broker;
    bool bracket = *text == '[';
    const char *end = bracket ? strchr(text, ']') : text + strcspn(text, ":");
    const char *colon = end != NULL && bracket ? end + 1 : end;
    int64_t port = setup->tls_ca[0] != '\0' ? PORT_TLS : PORT;

    if (end == NULL || end == text + bracket || (*colon != '\0' && *colon != ':') ||
        (*colon == ':' && quantity_integer(colon + 1, &port) < 0) || port < 1 || port > 65535) {
        return brume_fail(call, "'%s' is no broker: wants host:port", text);
    }
    text += bracket;
    setup->port = (int)port;
    setup->host = memory_format("%.*s", (int)(end - text), text);
    return 0;
}

static int read_password(struct brume_call *call, struct mqtt_setup *setup)
{
    const char *path = brume_param(call, "password-file");
    cleanup(memory_free) void *bytes = NULL;
    struct error err;
    size_t size;

    if (*path == '\0') {
        return 0;
    }
    if (brume_param(call, "user")[0] == '\0') {
        return brume_fail(call, "a password-file needs a user");
    }
    if (file_read(path, PASSWORD_MAX, &bytes, &size, &err) < 0) {
        return brume_fail(call, "%s", err.text);
    }
    setup->password = memory_format("%.*s", (int)strcspn(bytes, "\r\n"), (const char *)bytes);
    explicit_bzero(bytes, size);
    return 0;
}

int mqtt_setup_read(struct brume_call *call, struct mqtt_setup *ret_setup)
{
    const char *client = brume_param(call, "client");

    *ret_setup = (struct mqtt_setup){
        .v5 = strcmp(brume_param(call, "version"), "5") == 0,
        .keep_alive = (int)brume_param_number(call, "keep-alive"),
        .broker = brume_param(call, "broker"),
        .tls_ca = brume_param(call, "tls-ca"),
        .client =
            *client != '\0' ? memory_text(client) : memory_format("brume-%s", brume_name(call)),
    };
    if (strlen(ret_setup->client) > CLIENT_MAX) {
        return brume_fail(call, "a client id has at most %d characters", CLIENT_MAX);
    }
    int ret = read_broker(call, ret_setup);
    return ret < 0 ? ret : read_password(call, ret_setup);
}

void mqtt_setup_finish(struct mqtt_setup *setup)
{
    if (setup->password != NULL) {
        explicit_bzero(setup->password, strlen(setup->password));
    }
    free(setup->password);
    free(setup->client);
    free(setup->host);
    *setup = (struct mqtt_setup){0};
}

/* A key with a passphrase must not ask for it on the terminal. */
static int no_passphrase(char *to, int size, int writing, // NOLINT(readability-non-const-*)
                         void *object)
{
    (void)to;
    (void)size;
    (void)writing;
    (void)object;
    return 0;
}

static int apply_tls(struct brume_call *call, const struct mqtt_setup *setup,
                     struct mosquitto *mosquitto)
{
    const char *certificate = brume_param(call, "tls-cert");
    const char *key = brume_param(call, "tls-key");

    if ((*certificate != '\0') != (*key != '\0')) {
        return brume_fail(call, "tls-cert and tls-key go together");
    }
    if (setup->tls_ca[0] == '\0') {
        return *key == '\0' ? 0 : brume_fail(call, "tls-cert needs tls-ca");
    }
    if (mosquitto_tls_set(mosquitto, setup->tls_ca, NULL,
                          *certificate != '\0' ? certificate : NULL, *key != '\0' ? key : NULL,
                          no_passphrase) != MOSQ_ERR_SUCCESS) {
        return brume_fail(call, "cannot read the certificates of tls-ca, tls-cert or tls-key");
    }
    return 0;
}

/* libmosquitto takes properties of CONNECT only together with a call that connects and waits.
 * It takes them before it looks at the rest: a keep-alive that is none makes it stop there. */
static int apply_properties(struct brume_call *call, const struct mqtt_session *session,
                            struct mosquitto *mosquitto)
{
    mosquitto_property *properties = NULL;
    int code = MOSQ_ERR_SUCCESS;

    if (session->receive_maximum > 0) {
        code |=
            mosquitto_int_option(mosquitto, MOSQ_OPT_RECEIVE_MAXIMUM, session->receive_maximum);
    }
    if (session->persistent) { /* for ever, as in MQTT 3.1.1 */
        code |= mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                                             UINT32_MAX);
    }
    if (session->packet_maximum > 0) {
        code |= mosquitto_property_add_int32(&properties, MQTT_PROP_MAXIMUM_PACKET_SIZE,
                                             session->packet_maximum);
    }
    if (code == MOSQ_ERR_SUCCESS && properties != NULL &&
        mosquitto_connect_bind_v5(mosquitto, "127.0.0.1", PORT, -1, NULL, properties) !=
            MOSQ_ERR_INVAL) {
        code = MOSQ_ERR_INVAL;
    }
    mosquitto_property_free_all(&properties);
    return code == MOSQ_ERR_SUCCESS ? 0 : brume_fail(call, "cannot set up MQTT 5");
}

int mqtt_setup_apply(struct brume_call *call, const struct mqtt_setup *setup,
                     const struct mqtt_session *session, struct mosquitto *mosquitto)
{
    const char *user = brume_param(call, "user");

    mosquitto_threaded_set(mosquitto, true);
    mosquitto_int_option(mosquitto, MOSQ_OPT_PROTOCOL_VERSION,
                         setup->v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
    mosquitto_int_option(mosquitto, MOSQ_OPT_TCP_NODELAY, 1);
    if (*user != '\0' &&
        mosquitto_username_pw_set(mosquitto, user, setup->password) != MOSQ_ERR_SUCCESS) {
        return brume_fail(call, "the user or the password is no UTF-8, or too long");
    }
    int ret = apply_tls(call, setup, mosquitto);
    if (ret == 0 && setup->v5) {
        ret = apply_properties(call, session, mosquitto);
    }
    return ret;
}
