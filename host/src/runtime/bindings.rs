//! The host's side of the WIT package.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "action-module",
    imports: {
        "zonda:action/execution.facts": trappable,
        "zonda:action/execution.custom-context": trappable,
        "zonda:action/log.log": trappable,
        default: async | trappable,
    },
    exports: { default: async },
    with: {
        "zonda:action/cloud.scoped-token": super::cloud::ScopedToken,
        "zonda:action/cloud.body-reader": crate::openstack::BodyReader,
        "zonda:action/cloud.body-writer": super::cloud::Upload,
    },
});
