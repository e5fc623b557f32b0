//! The bindings that are generated from `wit/`: the raw contract, and the crate's only `unsafe` code.
//!
//! An action needs nothing from here; a module that wants to answer the host itself implements
//! `exports::zonda::action::actions::Guest` and calls `export!`.
#![expect(
    missing_docs,
    reason = "generated: modules and the export macro carry no docs"
)]

wit_bindgen::generate!({
    path: "wit",
    world: "action-module",
    pub_export_macro: true,
    default_bindings_module: "zonda_sdk::bindings",
    additional_derives: [PartialEq],
});
