//! Writes rows as Rust expressions of the types in `src/table.rs`.

use std::collections::BTreeMap;

use crate::row::{Answer, File, Input, Route, Row};

/// The service's static.
pub(crate) fn service(file: &File) -> String {
    let microversion = match file
        .microversion
        .as_deref()
        .and_then(|text| text.split_once(' '))
    {
        Some((name, max)) => format!(
            "Some(Microversion {{ name: {name:?}, max: {max:?}, legacy_header: {:?} }})",
            file.legacy_microversion_header
        ),
        None => "None".into(),
    };
    format!(
        "static {}: Service = Service {{ service_type: {:?}, microversion: {microversion} }};\n",
        constant(file),
        file.service
    )
}

/// The row's literal, with a comma.
pub(crate) fn row(file: &File, row: &Row) -> String {
    format!(
        "Row {{ name: {:?}, does: {:?}, service: &{}, microversion: {:?}, routes: &[{}], headers: {}, query: {}, \
         body: {:?}, wrap: {:?}, inputs: &[{}], rest: Rest::{}, answer: {} }},\n",
        row.name,
        row.does,
        constant(file),
        row.microversion,
        row.routes.iter().map(route).collect::<String>(),
        pairs(&row.headers),
        pairs(&row.query),
        row.body.as_ref().map(ToString::to_string),
        row.wrap,
        row.inputs.iter().map(input).collect::<String>(),
        row.rest,
        answer(&row.answer),
    )
}

fn constant(file: &File) -> String {
    file.prefix.to_uppercase()
}

fn route(route: &Route) -> String {
    let path: String = route
        .path
        .iter()
        .map(|piece| format!("Piece::{}({:?}), ", piece.kind, piece.text))
        .collect();
    format!(
        "Route {{ method: {:?}, path: &[{path}], when: {:?} }}, ",
        route.method, route.when
    )
}

fn input(input: &Input) -> String {
    format!(
        "Input {{ name: {:?}, kind: Kind::{}, required: {}, default: {:?}, to: To::{}, convert: Convert::{} }}, ",
        input.name,
        input.kind,
        input.required,
        input.default,
        call(input.to.0, input.to.1.as_ref()),
        input.convert,
    )
}

fn answer(answer: &Answer) -> String {
    match answer {
        Answer::Plain(variant, argument) => format!("Answer::{}", call(variant, argument.as_ref())),
        Answer::List {
            member,
            inner,
            find,
            shape,
        } => {
            let find = find
                .as_ref()
                .map_or("None".into(), |find| format!("Some(Find::{find})"));
            format!(
                "Answer::List(List {{ member: {member:?}, inner: {inner:?}, find: {find}, shape: Shape::{shape} }})"
            )
        }
    }
}

fn call(variant: &str, argument: Option<&String>) -> String {
    argument.map_or(variant.into(), |argument| {
        format!("{variant}({argument:?})")
    })
}

fn pairs(pairs: &BTreeMap<String, String>) -> String {
    let pairs: String = pairs.iter().map(|pair| format!("{pair:?}, ")).collect();
    format!("&[{pairs}]")
}
