//! The language held against answers of the real Mistral, its questions and its bounds.

use std::{cell::RefCell, sync::Arc};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::expr::{Bounds, Budget, Call, Error, Scope, Template, Variables};

/// Data, and answers to what is asked.
pub(super) struct Data {
    variables: Variables,
    budget: Budget,
    asked: RefCell<Vec<Call>>,
}

impl Data {
    pub(super) fn new(bounds: Bounds) -> Self {
        let data: Map<String, Value> =
            serde_json::from_str(include_str!("answers/data.json")).unwrap();
        Self {
            variables: Variables::new([Arc::new(data)]),
            budget: Budget::new(bounds),
            asked: RefCell::default(),
        }
    }
}

impl Scope for Data {
    fn variables(&self) -> &Variables {
        &self.variables
    }

    fn call(&self, call: &Call) -> Result<Value, String> {
        self.asked.borrow_mut().push(call.clone());
        match call {
            Call::Env => Ok(self.variables.get("__env").cloned().unwrap_or_default()),
            Call::Uuid => Ok(json!(format!("id-{}", self.asked.borrow().len()))),
            Call::Task(name) => Ok(json!({"name": name, "result": [1]})),
            Call::Tasks { .. } => Ok(json!([])),
            Call::Global(name) => Err(format!("no variable {name}")),
            Call::Execution | Call::Executions { .. } => Ok(json!({"id": "e"})),
        }
    }

    fn budget(&self) -> &Budget {
        &self.budget
    }
}

fn evaluate_in(data: &Data, text: &str) -> Result<Value, Error> {
    Template::parse(json!(text))?.evaluate(data)
}

fn evaluate(text: &str) -> Result<Value, Error> {
    evaluate_in(&Data::new(Bounds::default()), text)
}

#[derive(Deserialize)]
struct Answers {
    answers: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    text: String,
    answer: Option<Value>,
    error: Option<String>,
}

/// What is meant to differ, and how.
const DIFFERENT: [(&str, Option<&str>); 3] = [
    // minijinja has an order for everything, no `%` for texts, and takes members for attributes.
    ("{{ 'a' < 1 }}", Some("false")),
    ("{{ '%s %s' % ('a', 'b') }}", None),
    ("{{ _.a | attr('b') }}", Some("{\"c\": 1}")),
];

#[test]
fn every_text_gives_what_mistral_gives() {
    let answers: Answers = serde_json::from_str(include_str!("answers/core.json")).unwrap();
    let mut wrong = Vec::new();
    let count = answers.answers.len();
    for expected in answers.answers {
        let found = evaluate(&expected.text);
        let different = DIFFERENT.iter().find(|(text, _)| *text == expected.text);
        let is_right = match (different, &expected.error, &found) {
            (Some((_, None)), _, Err(_)) | (None, Some(_), Err(_)) => true,
            (Some((_, Some(answer))), _, Ok(found)) => {
                serde_json::from_str::<Value>(answer).unwrap() == *found
            }
            (None, None, Ok(found)) => expected.answer.clone().unwrap_or(Value::Null) == *found,
            _ => false,
        };
        if !is_right {
            let asked = expected.text;
            let expected = expected
                .error
                .unwrap_or_else(|| json!(expected.answer).to_string());
            let found = found.map_or_else(|error| error.to_string(), |it| it.to_string());
            wrong.push(format!(
                "{asked}\n    Mistral: {expected}\n    ours: {found}"
            ));
        }
    }
    let told = wrong.join("\n");
    assert!(wrong.is_empty(), "{} of {count}:\n{told}", wrong.len());
}

#[test]
fn a_text_asks_its_questions_in_order_and_each_once() {
    let data = Data::new(Bounds::default());
    let text = "{{ uuid() }} {{ task('a').result[0] }} {{ uuid() }} {{ task().name }} {{ execution().id }}";
    let found = evaluate_in(&data, text).unwrap();
    assert_eq!(found, json!("id-1 1 id-3 None e"));
    let task = |name: Option<&str>| Call::Task(name.map(str::to_owned));
    let expected = [
        Call::Uuid,
        task(Some("a")),
        Call::Uuid,
        task(None),
        Call::Execution,
    ];
    assert_eq!(data.asked.into_inner(), expected);
}

#[test]
fn questions_have_their_arguments() {
    let data = Data::new(Bounds::default());
    evaluate_in(&data, "{{ tasks('e', state='ERROR', flat=true) }}").unwrap();
    evaluate_in(&data, "{{ executions(state='ERROR', to_time='2020') }}").unwrap();
    let tasks = Call::Tasks {
        execution_id: Some("e".into()),
        recursive: false,
        state: Some("ERROR".into()),
        flat: true,
    };
    let executions = Call::Executions {
        id: None,
        root_execution_id: None,
        state: Some("ERROR".into()),
        from_time: None,
        to_time: Some("2020".into()),
    };
    assert_eq!(data.asked.into_inner(), [tasks, executions]);
    for text in [
        "{{ task('a', 'b') }}",
        "{{ task(nope=1) }}",
        "{{ task([]) }}",
        "{{ global() }}",
        "{{ global('x') }}",
    ] {
        assert!(
            matches!(evaluate(text), Err(Error::Evaluation { .. })),
            "{text}"
        );
    }
}

#[test]
fn an_evaluation_ends_within_its_bounds() {
    let is_bound = |text: &str| match evaluate(text) {
        Err(Error::Bound(..) | Error::Evaluation { .. }) => true,
        other => panic!("{text}: {other:?}"),
    };
    for text in [
        "{{ 'x' * 1000000000 }}",
        "{{ [0] * 1000000000 }}",
        "{{ range(100000000000) | list }}",
        "{{ 'x'.center(1000000000) }}",
        "{{ 'x' | center(1000000000) }}",
        "{{ ('a' * 100000).replace('a', 'b' * 100000) }}",
        "{{ ('b' * 100000).join('a' * 100000) }}",
        "{% for i in range(100000) %}{% for j in range(100000) %}{{ '' }}{% endfor %}{% endfor %}",
        "{% set ns = namespace(x=[]) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x='a') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% for i in range(100000) %}{{ uuid() }}{% endfor %}",
        "{{ yaml_parse('[' * 10000) }}",
        "{{ json_parse('[' * 10000) }}",
    ] {
        assert!(is_bound(text));
    }
}

#[test]
fn deep_syntax_is_refused_or_parsed() {
    for (open, close) in [
        ("1+", "1"),
        ("-", "1"),
        ("not ", "1"),
        ("[", ""),
        ("1 if 1 else ", "1"),
        ("a.", "b"),
        ("a|", "b"),
    ] {
        let deep = open.repeat(60_000 / open.len());
        let _ = evaluate(&format!("{{{{ {deep}{close} }}}}"));
    }
    let elifs = "{% elif 0 %}".repeat(5_000);
    let _ = evaluate(&format!("{{% if 0 %}}{elifs}{{% endif %}}"));
}

#[test]
fn a_bound_names_its_setting() {
    let bounds = Bounds {
        steps: 100,
        ..Bounds::default()
    };
    let error = evaluate_in(&Data::new(bounds), "{{ range(1000) | list | length }}").unwrap_err();
    assert_eq!(error, Error::Bound("time", "expression_steps", 100));
    let bounds = Bounds {
        bytes: 1 << 20,
        ..Bounds::default()
    };
    let error = evaluate_in(&Data::new(bounds), "{{ 'x' * 2000000 }}").unwrap_err();
    assert_eq!(error, Error::Bound("memory", "expression_mib", 1));
}

#[test]
fn a_syntax_fault_has_its_place() {
    let error = Template::parse(json!("ü {{ 1 + }}")).unwrap_err();
    assert!(
        matches!(&error, Error::Syntax { at: 8..=9, .. }),
        "{error:?}"
    );
}
