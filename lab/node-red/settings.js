// Node-RED without a head: nothing listens, nothing is looked up, nothing is sent to its makers.
module.exports = {
    httpAdminRoot: false,
    httpNodeRoot: false,
    uiHost: '127.0.0.1',
    disableEditor: true,
    credentialSecret: false,
    telemetry: { enabled: false, updateNotification: false },
    diagnostics: { enabled: false, ui: false },
    runtimeState: { enabled: false, ui: false },
    externalModules: {
        autoInstall: false,
        palette: { allowInstall: false },
        modules: { allowInstall: false },
    },
    logging: { console: { level: 'info', metrics: false, audit: false } },
}
