//! The language held against answers of the real yaql, and its bounds.

use std::{path::Path, sync::Arc};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    super::{Bounds, Budget, Call, Error, Scope, Variables},
    Expression,
};
use crate::domain::Timestamp;

/// Data, and who answers nothing but what the environment is.
pub(super) struct Data {
    variables: Variables,
    budget: Budget,
}

impl Data {
    pub(super) fn new(data: Map<String, Value>, bounds: Bounds) -> Self {
        Self {
            variables: Variables::new([Arc::new(data)]),
            budget: Budget::new(bounds),
        }
    }
}

impl Scope for Data {
    fn variables(&self) -> &Variables {
        &self.variables
    }

    fn call(&self, call: &Call) -> Result<Value, String> {
        match call {
            Call::Env => Ok(json!({"region": ["one", {"n": 1}]})),
            Call::Uuid => Ok(json!("01a20000-0000-7000-8000-000000000001")),
            Call::Execution
            | Call::Executions { .. }
            | Call::Task(_)
            | Call::Tasks { .. }
            | Call::Global(_) => Err(format!("{call:?}")),
        }
    }

    fn budget(&self) -> &Budget {
        &self.budget
    }

    fn now(&self) -> Option<Timestamp> {
        Some(Timestamp::from_unix_ms(1_800_000_000_000))
    }
}

pub(super) fn data() -> Map<String, Value> {
    serde_json::from_str(include_str!("answers/data.json")).unwrap()
}

fn evaluate(text: &str) -> Result<Value, Error> {
    let data = Data::new(data(), Bounds::default());
    Expression::parse(text)?.evaluate(&data)
}

#[derive(Deserialize)]
struct Answers {
    answers: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    expression: String,
    answer: Option<Value>,
    error: Option<String>,
    #[serde(default)]
    unordered: bool,
}

/// All that real yaql answered.
fn answers() -> Vec<Answer> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/expr/yaql/answers");
    let mut all = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let is_list = path.with_extension("yaql").exists() || path.ends_with("operators.json");
        if is_list && path.extension().unwrap() == "json" {
            let text = std::fs::read_to_string(&path).unwrap();
            let answers: Answers = serde_json::from_str(&text).unwrap();
            all.extend(answers.answers);
        }
    }
    all
}

#[test]
fn every_expression_gives_what_yaql_gives() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for expected in answers() {
        count += 1;
        let found = evaluate(&expected.expression);
        let is_right = match (&expected.error, &found) {
            (Some(_), Err(error)) => !matches!(error, Error::Bound(..)),
            (None, Ok(found)) => {
                let answer = expected.answer.clone().unwrap_or(Value::Null);
                is_same(&answer, found, expected.unordered)
            }
            _ => false,
        };
        if !is_right {
            let asked = expected.expression;
            let expected = expected
                .error
                .unwrap_or_else(|| json!(expected.answer).to_string());
            let found = found.map_or_else(|error| error.to_string(), |it| it.to_string());
            wrong.push(format!("{asked}\n    yaql: {expected}\n    ours: {found}"));
        }
    }
    assert!(count > 3000, "{count}");
    let told = wrong.join("\n");
    assert!(wrong.is_empty(), "{} of {count}:\n{told}", wrong.len());
}

/// Whether `left` and `right` are the same, members of objects in any order, and items of sets too.
fn is_same(left: &Value, right: &Value, is_unordered: bool) -> bool {
    match (left, right) {
        (Value::Array(left), Value::Array(right)) if is_unordered => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|item| right.iter().any(|other| is_same(item, other, false)))
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| is_same(l, r, false))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, value)| {
                    right
                        .get(name)
                        .is_some_and(|other| is_same(value, other, false))
                })
        }
        // An integer is none with a point.
        _ => left == right,
    }
}

fn bound(text: &str) -> &'static str {
    let bounds = Bounds {
        steps: 100_000,
        ..Bounds::default()
    };
    let found = Expression::parse(text).and_then(|it| it.evaluate(&Data::new(data(), bounds)));
    match found {
        Err(Error::Bound(what, ..)) => what,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn what_does_not_end_is_ended() {
    for text in [
        "sequence()",
        "sequence().where(false)",
        "sequence().len()",
        "sequence(1).all()",
        "1.repeat().last()",
        "[1].cycle().where(false).first(1)",
        "generate(0, true, $)",
        "generateMany(1, [1, 1]).last()",
        "[[]].selectMany(sequence()).where(false)",
        "sequence().skip(1000000000000).first(1)",
    ] {
        assert!(["time", "memory"].contains(&bound(text)), "{text}");
    }
}

#[test]
fn what_is_too_large_is_not_made() {
    for text in [
        "[1, 2, 3] * 100000000000",
        "[0] * 170141183460469231731687303715884105",
        "range(10000000).toList()",
        "sequence().toSet()",
        "sequence().memorize().len()",
        "range(30).aggregate($1 + $1, [1, 2])",
    ] {
        assert!(["time", "memory"].contains(&bound(text)), "{text}");
    }
}

#[test]
fn what_is_too_deep_is_not_made() {
    for text in [
        "generate([], true, [$]).last()",
        "generate({}, true, {a => $}).last()",
        "generate(set(), true, set($)).last()",
        "generate([1], true, $.select($)).last()",
        "generate([1], true, $ + [1].select($)).last()",
        "generate(1, true, let($)).last()",
        "generate([1], true, $.memorize().select($).memorize()).last()",
        "range(1000).aggregate($1.append($2), [])",
        "range(1000).aggregate($1.orderBy($), [])",
        "range(1000).aggregate([1].join([$1], true, $2), [])",
        "range(1000).aggregate(call(join, [[1], true, $1], {}, [1]), [])",
        "range(1000).aggregate($1.zip([1]), [])",
        "range(1000).aggregate(call(examine, [$1], {}), [])",
        "def(f, f($)) -> f(1)",
        "def(f, [1].select(f($))) -> f(1)",
        "def(f, [2, 1].orderBy(f($)).toList()) -> f(1)",
    ] {
        assert_eq!(bound(text), "nesting", "{text}");
    }
    let brackets = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    assert!(matches!(evaluate(&brackets), Err(Error::Syntax { .. })));
    let signs = format!("{}1", "-".repeat(5000));
    assert!(matches!(evaluate(&signs), Err(Error::Syntax { .. })));
}

#[test]
fn a_long_expression_is_not_a_deep_one() {
    let sum = vec!["1"; 5000].join(" + ");
    assert_eq!(evaluate(&sum), Ok(json!(5000)));
    let steps = format!("[1]{}.first()", ".take(1).toList()".repeat(1000));
    assert_eq!(evaluate(&steps), Ok(json!(1)));
}

#[test]
fn comparing_much_costs_much() {
    let items: Vec<Value> = (0..20_000).map(|_| json!(1)).collect();
    let variables = json!({"l": items}).as_object().unwrap().clone();
    let scope = Data::new(variables, Bounds::default());
    let found = Expression::parse("let(l => $.l) -> range(1000).where($l = $l).len()")
        .unwrap()
        .evaluate(&scope);
    assert!(matches!(found, Err(Error::Bound("time", ..))), "{found:?}");
}

#[test]
fn an_iterator_that_asks_itself_fails() {
    // `$` of the second is the first, which is being gone through.
    let text = "let(x => range(3)) -> let(y => $x.select($x.first())) -> $y.toList()";
    assert_eq!(evaluate(text).map_err(|_| ()), Err(()));
}

#[test]
fn faults_say_what_is_wrong_and_where() {
    let syntax = |text: &str| match Expression::parse(text) {
        Err(Error::Syntax { message, at }) => (message, at),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        syntax("ä + + )"),
        (
            "Parse error: unexpected ')' at position 6 of expression 'ä + + )'".to_owned(),
            6
        )
    );
    assert_eq!(syntax("1 +").0, "Parse error: unexpected end of statement");
    assert_eq!(
        syntax("1 # 2"),
        (
            "Lexical error: illegal character '#' at position 2".to_owned(),
            2
        )
    );
    let told = |text: &str| evaluate(text).unwrap_err().to_string();
    assert_eq!(
        told("$.a.nope"),
        "Can not evaluate YAQL expression [expression=$.a.nope, error='nope']"
    );
    assert!(told("f(1)").contains("Unknown function \"f\""));
    assert!(told("$.none.x").contains("Unknown function \"#property#x\""));
    assert!(told("$.l.split(1, 2)").contains("for receiver"));
}

#[test]
fn functions_of_mistral_ask_who_evaluates() {
    assert_eq!(evaluate("env().region[1].n + env().len()"), Ok(json!(2)));
    let asked = |text: &str| evaluate(text).unwrap_err().to_string();
    assert_eq!(evaluate("uuid().len()"), Ok(json!(36)));
    assert!(asked("task(t1)").contains("Task(Some(\"t1\"))"));
    assert!(asked("task()").contains("Task(None)"));
    assert!(asked("global($.s)").contains("Global(\"Hello, world\")"));
    assert!(asked("global(null)").contains("must be text"));
    assert!(asked("executions(,,ERROR)").contains("state: Some(\"ERROR\")"));
    assert!(asked("executions(rootExecutionId => x)").contains("root_execution_id: Some(\"x\")"));
    assert!(asked("tasks(x, true)").contains("execution_id: Some(\"x\"), recursive: true"));
    assert!(asked("tasks(5)").contains("must be text"));
}

#[test]
fn documents_are_parsed_and_dumped() {
    let answer = |text: &str| evaluate(text).unwrap();
    assert_eq!(
        answer("json_parse('{\"a\": [1, null]}')"),
        json!({"a": [1, null]})
    );
    assert_eq!(answer("json_dump({a => 1})"), json!("{\n    \"a\": 1\n}"));
    assert_eq!(answer("yaml_parse('a: [1, two]').a[1]"), json!("two"));
    assert_eq!(answer("yaml_dump({a => [1]})"), json!("a:\n- 1\n"));
    let refused = |text: &str| evaluate(text).unwrap_err().to_string();
    assert!(
        refused("json_parse('{')").contains("EOF"),
        "{}",
        refused("json_parse('{')")
    );
    assert!(refused("json_parse(5)").contains("takes text"));
}

#[test]
fn every_function_of_yaql_is_in_an_answer() {
    let names: Vec<String> = serde_json::from_str(include_str!("answers/names.json")).unwrap();
    let answers = answers();
    let given: Vec<&str> = answers
        .iter()
        .filter(|answer| answer.error.is_none())
        .map(|answer| answer.expression.as_str())
        .collect();
    // Operators and properties are not written so.
    let named = names.iter().filter(|name| !name.starts_with(['#', '*']));
    let missing = named.filter(|name| {
        let call = format!("{name}(");
        !given.iter().any(|text| text.contains(&call))
    });
    assert_eq!(missing.collect::<Vec<_>>(), [""; 0]);
}

/// Run by hand: `cargo test --release -p zonda-host --lib yaql::tests::speed -- --ignored --nocapture`.
#[test]
#[ignore = "it measures"]
fn speed() {
    let scope = Data::new(
        data(),
        Bounds {
            steps: u64::MAX,
            bytes: u64::MAX,
            depth: 64,
        },
    );
    for text in [
        "$.a.b.c",
        "$.i = 7",
        "$.i > 5 and $.i < 9",
        "$.servers.where($.ram > 512).name",
        "{a => $.i}",
    ] {
        let expression = Expression::parse(text).unwrap();
        let begun = std::time::Instant::now();
        for _ in 0..10_000 {
            expression.evaluate(&scope).unwrap();
        }
        eprintln!("{:?} {text}", begun.elapsed() / 10_000);
    }
}
