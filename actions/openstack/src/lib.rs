//! OpenStack actions: a table of requests, and what interprets a row of it.
//!
//! Names, inputs and results are those of mistral-extra. What the table leaves out, `openstack.request` can do.

mod any_request;
mod convert;
mod failure;
mod inputs;
mod list;
mod request;
mod result;
mod row;
mod spec;
mod stack;
mod table;
#[cfg(test)]
mod tests;

zonda_sdk::export_actions!(
    iter: table::ROWS.iter().map(row::action).chain([any_request::action()]),
    find: |name: &str| match name {
        any_request::NAME => Some(any_request::action()),
        _ => table::find(name).map(row::action),
    },
);
